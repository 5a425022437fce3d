#include "sync/hub/jwt.h"

#include <cjose/cjose.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace tributary::hub {
namespace {

constexpr size_t kMinSecretBytes = 32;  // RFC 7518, 3.2
constexpr int kMinRsaBits = 2048;       // 3.3

template <auto kFree>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using PublicKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Jws = std::unique_ptr<cjose_jws_t, Freer<cjose_jws_release>>;

absl::Status NotOurs() {
  return absl::UnauthenticatedError("the token is not signed with our key");
}

// A number of the key, big-endian.
std::string Number(const EVP_PKEY* key, const char* name, size_t width = 0) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return "";
  std::string bytes(std::max(width, static_cast<size_t>(BN_num_bytes(number))), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()),
               static_cast<int>(bytes.size()));
  BN_free(number);
  return bytes;
}

// Three parts in base64url, without padding. The library ends the program at a '=' inside of one.
bool HasForm(std::string_view token) {
  const std::vector<std::string_view> parts = absl::StrSplit(token, '.');
  return parts.size() == 3 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return !part.empty() && part.size() % 4 != 1 &&
                  std::all_of(part.begin(), part.end(), [](char c) {
                    return absl::ascii_isalnum(c) || c == '-' || c == '_';
                  });
         });
}

uint8_t* Bytes(std::string* text) { return reinterpret_cast<uint8_t*>(text->data()); }

}  // namespace

JwtKey::~JwtKey() { cjose_jwk_release(key_); }

absl::Status JwtKey::Load(std::string_view bytes) {
  if (absl::StrContains(bytes, "-----BEGIN")) return LoadPem(bytes);
  while (bytes.ends_with('\n') || bytes.ends_with('\r')) bytes.remove_suffix(1);
  if (bytes.size() < kMinSecretBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a secret has at least ", kMinSecretBytes,
                     " bytes; or give a public key in PEM, which begins with -----BEGIN"));
  }
  key_ = cjose_jwk_create_oct_spec(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(),
                                   nullptr);
  algorithm_ = "HS256";
  return key_ == nullptr ? absl::InternalError("no memory for a key") : absl::OkStatus();
}

absl::Status JwtKey::LoadPem(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const PublicKey key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        "no public key in PEM (-----BEGIN PUBLIC KEY-----); a private key belongs to who signs");
  }
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1 && EVP_PKEY_get_bits(key.get()) >= kMinRsaBits) {
    std::string n = Number(key.get(), OSSL_PKEY_PARAM_RSA_N);
    std::string e = Number(key.get(), OSSL_PKEY_PARAM_RSA_E);
    cjose_jwk_rsa_keyspec spec{};
    spec.n = Bytes(&n);
    spec.nlen = n.size();
    spec.e = Bytes(&e);
    spec.elen = e.size();
    key_ = cjose_jwk_create_RSA_spec(&spec, nullptr);
    algorithm_ = "RS256";
  } else if (EVP_PKEY_is_a(key.get(), "EC") == 1) {
    char group[64] = "";
    EVP_PKEY_get_utf8_string_param(key.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                   nullptr);
    if (std::string_view(group) == "prime256v1") {
      constexpr size_t kCoordinate = 32;
      std::string x = Number(key.get(), OSSL_PKEY_PARAM_EC_PUB_X, kCoordinate);
      std::string y = Number(key.get(), OSSL_PKEY_PARAM_EC_PUB_Y, kCoordinate);
      cjose_jwk_ec_keyspec spec{};
      spec.crv = CJOSE_JWK_EC_P_256;
      spec.x = Bytes(&x);
      spec.xlen = x.size();
      spec.y = Bytes(&y);
      spec.ylen = y.size();
      key_ = cjose_jwk_create_EC_spec(&spec, nullptr);
      algorithm_ = "ES256";
    }
  }
  if (key_ != nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the key must be RSA of at least ", kMinRsaBits,
                                                 " bits, or EC on the curve P-256"));
}

absl::Status JwtKey::Verify(std::string_view token, std::string* claims) const {
  if (!HasForm(token)) return absl::UnauthenticatedError("the token is not known here");
  const std::string copy(token);  // with an end
  const Jws jws(cjose_jws_import(copy.c_str(), copy.size(), nullptr));
  if (jws == nullptr) return absl::UnauthenticatedError("the token is not known here");
  // Whoever may choose the algorithm could sign with the public key as a secret.
  const char* algorithm =
      cjose_header_get(cjose_jws_get_protected(jws.get()), CJOSE_HDR_ALG, nullptr);
  if (algorithm == nullptr || algorithm_ != algorithm) {
    return absl::UnauthenticatedError(
        absl::StrCat("the token is to be signed by ", algorithm_, ", as the key here is for that"));
  }
  if (!cjose_jws_verify(jws.get(), key_, nullptr)) return NotOurs();
  uint8_t* payload = nullptr;
  size_t size = 0;
  if (!cjose_jws_get_plaintext(jws.get(), &payload, &size, nullptr)) return NotOurs();
  claims->assign(reinterpret_cast<const char*>(payload), size);
  return absl::OkStatus();
}

}  // namespace tributary::hub
