// Keys that order a list and between any two of which there is another: the scheme known as
// fractional indexing, over the 95 printable characters of ASCII, space to `~`.
//
// A key is a whole number and a fraction. The first character tells the number's length: `a` to `z`
// two to 27 characters, for positive ones, `Z` to `A` as many, for negative ones. The fraction
// does not end in a space, which is its zero. Keys compare as bytes.
#ifndef TRIBUTARY_EXT_FRACT_KEY_H_
#define TRIBUTARY_EXT_FRACT_KEY_H_

#include <optional>
#include <string>
#include <string_view>

#include "ext/status.h"

namespace tributary {

// A key after `a` and before `b`, as short as may be; nothing stands for the list's ends. Fails
// where one of them is no key, or `a` is not before `b`.
Status FractKeyBetween(std::optional<std::string_view> a, std::optional<std::string_view> b,
                       std::string* key);

}  // namespace tributary

#endif  // TRIBUTARY_EXT_FRACT_KEY_H_
