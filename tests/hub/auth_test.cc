// Who may: claims, static tokens, JSON Web Tokens, changesets of bound sites.
#include "sync/hub/auth.h"

#include <cjose/cjose.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdio>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "sync/changeset/builder.h"
#include "sync/hub/jwt.h"
#include "sync/hub/rate.h"

namespace tributary::hub {
namespace {

constexpr int64_t kNow = 1'800'000'000;
constexpr char kSecret[] = "0123456789abcdef0123456789abcdef";

Grant Claims(std::string_view json) {
  Grant grant;
  int64_t not_before = 0;
  const absl::Status parsed = ParseClaims(json, &grant, &not_before, nullptr);
  EXPECT_TRUE(parsed.ok()) << parsed;
  return grant;
}

TEST(Claims, AreRead) {
  const Grant grant = Claims(R"({"room": ["a", "b"], "access": "write", "exp": 12.5, "sub": "me",)"
                             R"( "site": "000102030405060708090a0b0c0d0e0F", "other": {}})");
  EXPECT_TRUE(grant.AllowsRoom("a"));
  EXPECT_TRUE(grant.AllowsRoom("b"));
  EXPECT_FALSE(grant.AllowsRoom("c"));
  EXPECT_FALSE(grant.AllowsRoom("*"));
  EXPECT_EQ(grant.access, Access::kWrite);
  EXPECT_EQ(grant.expires, 12);
  EXPECT_EQ(grant.subject, "me");
  ASSERT_TRUE(grant.site.has_value());
  EXPECT_EQ(grant.site->bytes[15], 15);
  EXPECT_EQ(Claims(R"({"room": "a"})").access, Access::kRead);
  EXPECT_TRUE(Claims(R"({"room": "*"})").AllowsRoom("any"));
}

TEST(Claims, ThatAreNoneAreRefused) {
  for (const char* json :
       {"", "[]", "1", "{", "{}", R"({"room": 1})", R"({"room": ""})", R"({"room": ["../a"]})",
        R"({"room": ["a", 2]})", R"({"room": "A"})", R"({"room": "a", "access": "all"})",
        R"({"room": "a", "access": 1})", R"({"room": "a", "exp": "1"})",
        R"({"room": "a", "exp": -1})", R"({"room": "a", "exp": 1e300})",
        R"({"room": "a", "nbf": null})", R"({"room": "a", "site": "00"})",
        R"({"room": "a", "site": "000102030405060708090a0b0c0d0e0g"})",
        R"({"room": "a", "room": "b"})"}) {
    Grant grant;
    int64_t not_before = 0;
    EXPECT_TRUE(absl::IsInvalidArgument(ParseClaims(json, &grant, &not_before, nullptr))) << json;
  }
}

// A key of our own, to sign with.
struct Signer {
  std::string algorithm;
  cjose_jwk_t* jwk = nullptr;
  std::string pem;  // the public half
  ~Signer() { cjose_jwk_release(jwk); }

  std::string Sign(const std::string& claims, const char* named = nullptr) const {
    cjose_header_t* header = cjose_header_new(nullptr);
    cjose_header_set(header, CJOSE_HDR_ALG, named == nullptr ? algorithm.c_str() : named, nullptr);
    cjose_jws_t* jws = cjose_jws_sign(jwk, header, reinterpret_cast<const uint8_t*>(claims.data()),
                                      claims.size(), nullptr);
    const char* text = "";
    EXPECT_TRUE(cjose_jws_export(jws, &text, nullptr));
    std::string token = text;
    cjose_jws_release(jws);
    cjose_header_release(header);
    return token;
  }
};

std::string PublicPem(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  return pem;
}

void MakeEc(Signer* signer) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  signer->algorithm = "ES256";
  signer->pem = PublicPem(key);
  std::string parts[3];
  const char* names[3] = {"priv", "qx", "qy"};
  for (int i = 0; i < 3; i++) {
    BIGNUM* number = nullptr;
    ASSERT_EQ(EVP_PKEY_get_bn_param(key, names[i], &number), 1);
    parts[i].resize(32);
    BN_bn2binpad(number, reinterpret_cast<unsigned char*>(parts[i].data()), 32);
    BN_free(number);
  }
  cjose_jwk_ec_keyspec spec{};
  spec.crv = CJOSE_JWK_EC_P_256;
  spec.d = reinterpret_cast<uint8_t*>(parts[0].data());
  spec.x = reinterpret_cast<uint8_t*>(parts[1].data());
  spec.y = reinterpret_cast<uint8_t*>(parts[2].data());
  spec.dlen = spec.xlen = spec.ylen = 32;
  signer->jwk = cjose_jwk_create_EC_spec(&spec, nullptr);
  EVP_PKEY_free(key);
}

TEST(Jwt, SignedWithAnEllipticKey) {
  Signer signer;
  MakeEc(&signer);
  JwtKey key;
  ASSERT_TRUE(key.Load(signer.pem).ok());
  std::string claims;
  const std::string token = signer.Sign("{\"room\":\"a\"}");
  EXPECT_TRUE(key.Verify(token, &claims).ok());
  EXPECT_EQ(claims, "{\"room\":\"a\"}");
  // What was changed is another token; the last character of a part may hold unused bits.
  for (size_t i = 0; i + 1 < token.size(); i += 7) {
    if (token[i + 1] == '.') continue;
    std::string other = token;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(key.Verify(other, &claims).ok()) << i;
  }
  Signer stranger;
  MakeEc(&stranger);
  EXPECT_TRUE(absl::IsUnauthenticated(key.Verify(stranger.Sign("{\"room\":\"a\"}"), &claims)));
}

TEST(Jwt, TheKeyPicksTheAlgorithm) {
  Signer ec;
  MakeEc(&ec);
  JwtKey key;
  ASSERT_TRUE(key.Load(ec.pem).ok());
  // With the public key, which everybody has, as a secret.
  Signer forger;
  forger.algorithm = "HS256";
  forger.jwk = cjose_jwk_create_oct_spec(reinterpret_cast<const uint8_t*>(ec.pem.data()),
                                         ec.pem.size(), nullptr);
  std::string claims;
  const absl::Status status = key.Verify(forger.Sign("{\"room\":\"a\"}"), &claims);
  EXPECT_TRUE(absl::IsUnauthenticated(status));
  EXPECT_NE(status.message().find("ES256"), std::string_view::npos);
}

// Some of these end the program inside the library if they get there.
TEST(Jwt, TokensThatAreNone) {
  JwtKey key;
  ASSERT_TRUE(key.Load(kSecret).ok());
  for (const char* token :
       {"", ".", "..", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.eyJbo=2tjyIiYSJ9.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.eyJ9.AA==", "=.=.=", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.e30.", "eyJhbGciOiJIUzI1NiJ9.e30.A\xff\xff\xff", "AAAA.AAAA.AAAA"}) {
    std::string claims;
    EXPECT_TRUE(absl::IsUnauthenticated(key.Verify(token, &claims))) << token;
  }
  for (const std::string& header :
       {std::string("{}"), std::string("[]"), std::string("1"), std::string("null"),
        std::string("{\"alg\":1}"), std::string("{\"alg\":null}"), std::string("{\"alg\":[]}"),
        std::string("{\"alg\":\"none\"}"), std::string("{\"alg\":\"hs256\"}"),
        std::string("{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}"), std::string("{"),
        std::string("\0", 1), std::string(3000, '['), std::string("{\"alg\":\"HS512\"}")}) {
    const std::string token =
        absl::StrCat(absl::WebSafeBase64Escape(header), ".", absl::WebSafeBase64Escape("{}"), ".",
                     absl::WebSafeBase64Escape(std::string(32, 'x')));
    std::string claims;
    EXPECT_TRUE(absl::IsUnauthenticated(key.Verify(token, &claims))) << header;
  }
}

TEST(Jwt, KeysThatAreNone) {
  EVP_PKEY* p384 = EVP_EC_gen("P-384");
  EVP_PKEY* small = EVP_RSA_gen(1024);
  const std::string pems[] = {PublicPem(p384), PublicPem(small), "-----BEGIN PUBLIC KEY-----\n"};
  EVP_PKEY_free(p384);
  EVP_PKEY_free(small);
  for (const std::string& pem : pems) {
    JwtKey key;
    EXPECT_TRUE(absl::IsInvalidArgument(key.Load(pem))) << pem;
  }
  JwtKey key;
  EXPECT_TRUE(absl::IsInvalidArgument(key.Load("short")));
  EXPECT_TRUE(absl::IsInvalidArgument(key.Load("")));
}

std::string WriteFile(const std::string& name, const std::string& text) {
  std::string path = ::testing::TempDir() + name;
  FILE* file = std::fopen(path.c_str(), "wb");
  std::fwrite(text.data(), 1, text.size(), file);
  std::fclose(file);
  return path;
}

TEST(Auth, BothKindsAtOnce) {
  Auth auth;
  EXPECT_FALSE(auth.asks());
  Grant grant;
  EXPECT_TRUE(auth.Check("", kNow, &grant).ok());
  EXPECT_EQ(grant.access, Access::kAdmin);
  ASSERT_TRUE(auth.LoadTokens(WriteFile("tokens",
                                        "# none\n\n"
                                        R"({"token": "0123456789abcdef", "room": "a"})"
                                        "\n"
                                        R"({"token": "later-is-this-one", "room": "a", "nbf": )"
                                        "1800000001}\n"))
                  .ok());
  ASSERT_TRUE(auth.LoadKey(WriteFile("key", std::string(kSecret) + "\n")).ok());
  EXPECT_TRUE(auth.asks());
  EXPECT_TRUE(auth.Check("0123456789abcdef", kNow, &grant).ok());
  EXPECT_EQ(grant.access, Access::kRead);
  EXPECT_TRUE(absl::IsUnauthenticated(auth.Check("later-is-this-one", kNow, &grant)));
  EXPECT_TRUE(auth.Check("later-is-this-one", kNow + 1, &grant).ok());
  for (const char* token : {"", "0123456789abcde", "0123456789abcdeF", "a.b.c", "..", "a..b"}) {
    EXPECT_TRUE(absl::IsUnauthenticated(auth.Check(token, kNow, &grant))) << token;
  }
  EXPECT_FALSE(auth.Check(std::string(100000, 'x'), kNow, &grant).ok());
  Signer signer;
  signer.algorithm = "HS256";
  signer.jwk = cjose_jwk_create_oct_spec(reinterpret_cast<const uint8_t*>(kSecret),
                                         sizeof kSecret - 1, nullptr);
  EXPECT_TRUE(auth.Check(signer.Sign(R"({"room": "a", "exp": 1800000001})"), kNow, &grant).ok());
  const std::string expired = signer.Sign(R"({"room": "a", "exp": 1800000000})");
  EXPECT_TRUE(absl::IsUnauthenticated(auth.Check(expired, kNow, &grant)));
  EXPECT_FALSE(auth.Check(signer.Sign("no JSON"), kNow, &grant).ok());
}

TEST(Auth, AFileOfNobodyAsksAllTheSame) {
  Auth auth;
  ASSERT_TRUE(auth.LoadTokens(WriteFile("none", "# nobody\n")).ok());
  Grant grant;
  EXPECT_TRUE(auth.asks());
  EXPECT_FALSE(auth.Check("", kNow, &grant).ok());
  EXPECT_TRUE(absl::IsNotFound(auth.LoadTokens("/nowhere/at/all")));
  EXPECT_TRUE(absl::IsNotFound(auth.LoadKey("/nowhere/at/all")));
}

SiteId Site(uint8_t number) {
  SiteId site;
  site.bytes.fill(number);
  return site;
}

// A changeset of one transaction of `author`, sent by `sender`, that claims versions up to 5 of
// `knows`.
std::string Changeset(const SiteId& sender, const SiteId& author, const SiteId& span,
                      const SiteId& knows) {
  ChangesetBuilder builder;
  ChangesetHeader header;
  header.sender = sender;
  header.covers.push_back({span, {DbVersion(1), Seq(0)}, After(DbVersion(1))});
  header.until.Raise(knows, DbVersion(5));
  const uint32_t table = builder.AddTable({"note", {"id"}, {"title"}});
  builder.BeginTransaction({.site = author, .version = DbVersion(1)});
  builder.BeginRow(table, "\x01\x01", CausalLength(1), Seq(0));
  builder.AddCell(0, ColVersion(1), Seq(0), Value::Integer(1));
  builder.EndRow();
  return builder.Finish(header);
}

TEST(Bound, OnlyItsOwn) {
  const SiteId me = Site(1);
  const SiteId other = Site(2);
  Have room;
  const auto check = [&](const std::string& changeset) { return CheckBound(me, changeset, room); };
  EXPECT_TRUE(check(Changeset(me, me, me, me)).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(check(Changeset(other, me, me, me))));
  EXPECT_TRUE(absl::IsPermissionDenied(check(Changeset(me, other, me, me))));
  EXPECT_TRUE(absl::IsPermissionDenied(check(Changeset(me, me, other, me))));
  // Knowledge that the room would take over, and then ask nobody for.
  EXPECT_TRUE(absl::IsPermissionDenied(check(Changeset(me, me, me, other))));
  room.known.Raise(other, DbVersion(5));
  EXPECT_TRUE(check(Changeset(me, me, me, other)).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(check("nonsense")));
}

TEST(Rate, OfEach) {
  RateLimit limit(2);
  EXPECT_TRUE(limit.Allow("a", 0));
  EXPECT_TRUE(limit.Allow("a", 0));
  EXPECT_FALSE(limit.Allow("a", 499));
  EXPECT_TRUE(limit.Allow("b", 499));
  EXPECT_TRUE(limit.Allow("a", 500));
  EXPECT_FALSE(limit.Allow("a", 501));
  limit.Expire(501);
  EXPECT_FALSE(limit.Allow("a", 501));
  limit.Expire(100000);
  EXPECT_TRUE(limit.Allow("a", 100000));
  RateLimit none(0);
  for (int i = 0; i < 1000; i++) EXPECT_TRUE(none.Allow("a", 0));
}

}  // namespace
}  // namespace tributary::hub
