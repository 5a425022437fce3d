// Whatever the other side says, a session ends with an error or goes on, and its replica stays
// sound. Run under sanitizers, too.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "sync/session/session.h"
#include "sync/transport/memory.h"
#include "tests/session/fake_replica.h"

namespace tributary::testing {
namespace {

constexpr SessionOptions kOptions{.live = false, .piece_bytes = 60, .window_bytes = 1000};

FakeReplica Make(uint8_t number) {
  FakeReplica r(number);
  for (int i = 0; i < 4; i++) r.Write("text " + std::to_string(i * number));
  return r;
}

// What a says to b in an undisturbed session.
std::string Record() {
  FakeReplica a = Make(1);
  FakeReplica b = Make(2);
  Session session_a(&a, kOptions);
  Session session_b(&b, kOptions);
  std::string said;
  for (bool busy = true; busy;) {
    busy = session_a.Work();
    busy = session_b.Work() || busy;
    said.append(session_a.output());
    session_b.Receive(session_a.output());
    session_a.ConsumeOutput(session_a.output().size());
    session_a.Receive(session_b.output());
    session_b.ConsumeOutput(session_b.output().size());
    busy = busy || session_a.Work();
  }
  EXPECT_TRUE(session_a.finished() && session_b.finished()) << session_a.status();
  said.append(session_a.output());
  return said;
}

// b hears these bytes and then the end.
absl::Status Hear(std::string_view bytes, FakeReplica* b, bool* finished = nullptr) {
  Session session(b, kOptions);
  session.Receive(bytes);
  while (session.Work()) {
  }
  session.ReceiveEnd();
  while (session.Work()) {
  }
  EXPECT_TRUE(session.closed());
  if (finished != nullptr) *finished = session.finished();
  return session.status();
}

std::vector<std::string> Split(std::string_view said) {
  std::vector<std::string> frames;
  while (!said.empty()) {
    size_t size;
    std::string error;
    EXPECT_TRUE(Frame::Size(said, &size, &error) && size > 0);
    frames.emplace_back(said.substr(0, size));
    said.remove_prefix(size);
  }
  return frames;
}

TEST(Hostile, TheRecordItselfIsFine) {
  FakeReplica b = Make(2);
  EXPECT_TRUE(Hear(Record(), &b).ok());
  EXPECT_EQ(b.log().size(), 8);
}

TEST(Hostile, EveryPrefix) {
  const std::string said = Record();
  for (size_t n = 0; n < said.size(); n++) {
    FakeReplica b = Make(2);
    const absl::Status status = Hear(said.substr(0, n), &b);
    ASSERT_TRUE(absl::IsAborted(status)) << n << status;
  }
}

TEST(Hostile, EveryBit) {
  const std::string said = Record();
  const FakeReplica a = Make(1);
  for (size_t bit = 0; bit < said.size() * 8; bit++) {
    std::string damaged = said;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    FakeReplica b = Make(2);
    ASSERT_FALSE(Hear(damaged, &b).ok()) << bit;
    for (const auto& [id, text] : b.log()) {
      if (a.log().contains(id)) ASSERT_EQ(a.log().at(id), text);
    }
  }
}

// Frames as they were, or with random bytes in the header and a right checksum; in any order.
TEST(Hostile, WellFormedFramesOfNonsense) {
  const std::vector<std::string> frames = Split(Record());
  for (uint32_t seed = 0; seed < 20000; seed++) {
    std::mt19937 random(seed);
    std::string said = random() % 8 == 0 ? "" : frames[0];
    for (uint32_t n = 1 + random() % 8; n > 0; n--) {
      const std::string& chosen = frames[random() % frames.size()];
      Frame frame;
      std::string error;
      ASSERT_TRUE(frame.OpenAny(chosen, &error));
      std::string header(frame.header());
      for (uint32_t i = random() % 4; i > 0 && !header.empty(); i--) {
        header[random() % header.size()] = static_cast<char>(random());
      }
      if (random() % 8 == 0) header.resize(random() % 40);
      std::string buffer;
      std::string_view body;
      ASSERT_TRUE(frame.Body(&buffer, &body, &error));
      const auto kind = random() % 8 == 0 ? static_cast<FrameKind>(random() % 25) : frame.kind();
      said.append(EncodeFrame(kind, header, body, false));
    }
    FakeReplica b = Make(2);
    Hear(said, &b).IgnoreError();
  }
}

TEST(Hostile, WhatIsNoTributary) {
  FakeReplica b(2);
  absl::Status status = Hear("bash: line 1: tributary: command not found\nmore", &b);
  EXPECT_EQ(status.message(),
            "the other side is no tributary session; it says: bash: line 1: tributary: command not "
            "found");
  status = Hear("T", &b);
  EXPECT_TRUE(absl::IsAborted(status));
  Session session(&b, {});
  session.Receive(std::string(100000, 'x'));
  EXPECT_FALSE(session.Work());
  EXPECT_LT(session.status().message().size(), 300);
  // A newer frame format is named, not taken for noise.
  status = Hear(std::string("TRIB\x09\x10\0\0", 8) + std::string(60, '\0'), &b);
  EXPECT_NE(status.message().find("newer Tributary"), std::string::npos);
}

// Sizes are judged before the bytes come.
TEST(Hostile, GreatAnnouncements) {
  HelloMessage hello;
  hello.site.bytes.fill(9);
  const std::string greeting = hello.Encode();
  std::string huge = EncodeFrame(FrameKind::kChangeset, "", "", false);
  huge[14] = huge[18] = 0x10;  // a megabyte of body
  for (const bool greeted : {false, true}) {
    FakeReplica b = Make(2);
    Session session(&b, {.live = false, .max_frame_bytes = 1 << 19});
    if (greeted) session.Receive(greeting);
    session.Receive(huge);
    while (session.Work()) {
    }
    EXPECT_TRUE(absl::IsInvalidArgument(session.status())) << session.status();
    EXPECT_FALSE(session.wants_input());
  }
}

// A goodbye from who has not acknowledged what it got is no end of an exchange.
TEST(Hostile, GoodbyeWithoutAcknowledgement) {
  for (const bool acknowledges : {false, true}) {
    FakeReplica b = Make(2);
    HelloMessage hello;
    hello.site.bytes.fill(9);
    hello.schema = HashSchema(b.tables);
    WantMessage want;
    want.window = want.max_frame = 1 << 20;
    Session session(&b, kOptions);
    session.Receive(hello.Encode() + want.Encode() + EncodeDone());
    while (session.Work()) {
    }
    uint64_t changesets = 0;
    for (const std::string& frame : Split(session.output())) {
      if (Frame::KindOf(frame) == FrameKind::kChangeset) changesets += frame.size();
    }
    ASSERT_GT(changesets, 0);
    if (acknowledges) session.Receive(AckMessage{changesets}.Encode());
    session.Receive(ByeMessage().Encode());
    while (session.Work()) {
    }
    EXPECT_EQ(session.finished(), acknowledges) << session.status();
    EXPECT_EQ(absl::IsAborted(session.status()), !acknowledges) << session.status();
  }
}

TEST(Hostile, MoreThanTheWindow) {
  FakeReplica a = Make(1);
  for (int i = 0; i < 50; i++) a.Write(std::string(100, static_cast<char>('a' + i % 26)));
  FakeReplica b(2);
  Session session(&b, {.live = false, .window_bytes = 1000});
  HelloMessage hello;
  ASSERT_TRUE(a.GetSite(&hello.site).ok());
  hello.schema = HashSchema(a.tables);
  session.Receive(hello.Encode());
  while (session.Work()) {
  }
  // Nobody reads b's acknowledgements, and the changesets keep coming: all is well as long as
  // they are small enough that b can tell of each.
  std::string frame;
  ASSERT_TRUE(a.OpenChangesets({}, {}, 1).ok());
  for (int i = 0; i < 54; i++) {
    ASSERT_TRUE(a.NextChangeset(&frame).ok());
    session.Receive(frame);
  }
  while (session.Work()) {
  }
  EXPECT_TRUE(session.status().ok());
  EXPECT_EQ(b.applied, 54);
  session.Receive(AckMessage{1}.Encode());
  while (session.Work()) {
  }
  EXPECT_TRUE(absl::IsInvalidArgument(session.status()));
}

}  // namespace
}  // namespace tributary::testing
