// The C++ side of conformance.py: messages of ours as files, and what they say as text.
//
//   wire write DIR N    N random messages of each kind: DIR/SEED.KIND, and as text
//   DIR/SEED.KIND.txt wire read DIR       reads every DIR/*.KIND and writes the text
//
// KIND: header, have, body. The text is that of changeset/sample.h.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/changeset/sample.h"

namespace tributary {
namespace {

namespace fs = std::filesystem;

void Write(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string Read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void WriteAll(const fs::path& dir, uint64_t n) {
  for (uint64_t seed = 1; seed <= n; seed++) {
    const auto write = [&](const char* kind, const std::string& bytes, const std::string& text) {
      Write(dir / absl::StrCat(seed, ".", kind), bytes);
      Write(dir / absl::StrCat(seed, ".", kind, ".txt"), text);
    };
    const ChangesetHeader header = Maker(seed).Header();
    write("header", header.Encode(), ToText(header));
    const Have have = Maker(seed).KnownBySomebody();
    write("have", have.Encode(), ToText(have));
    const Sample sample = Maker(seed).Changeset(seed % 50);
    write("body", sample.ToBody(), sample.Text());
  }
}

// Which of three a file is tells its name.
bool Text(const fs::path& path, std::string* text, std::string* error) {
  const std::string bytes = Read(path);
  const std::string kind = path.extension();
  ChangesetHeader header;
  Have have;
  Sample sample;
  if (kind == ".header" && header.Decode(bytes, error)) {
    *text = ToText(header);
  } else if (kind == ".have" && have.Decode(bytes, error)) {
    *text = ToText(have);
  } else if (kind == ".body" && ReadSample(bytes, &sample, error)) {
    *text = sample.Text();
  } else {
    return false;
  }
  return true;
}

int ReadAll(const fs::path& dir) {
  int refused = 0;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (entry.path().extension() == ".txt") continue;
    std::string text;
    std::string error = "not a kind of message";
    if (Text(entry.path(), &text, &error)) {
      Write(entry.path().string() + ".txt", text);
    } else {
      std::fprintf(stderr, "%s: %s\n", entry.path().c_str(), error.c_str());
      refused++;
    }
  }
  return refused == 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  const std::string command = argc > 2 ? argv[1] : "";
  uint64_t n;
  if (command == "write" && argc == 4 && absl::SimpleAtoi(argv[3], &n)) {
    WriteAll(argv[2], n);
    return 0;
  }
  if (command == "read" && argc == 3) return ReadAll(argv[2]);
  std::fputs("usage: wire write DIR N | wire read DIR\n", stderr);
  return 2;
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) { return tributary::Main(argc, argv); }
