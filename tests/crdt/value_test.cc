#include "crdt/value.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <string_view>

namespace tributary {
namespace {

using namespace std::string_view_literals;

// Ascending; the order of the reference (7.3) where that names one.
const Value kAscending[] = {
    Value::Null(),
    Value::Blob(""),
    Value::Blob("\0"sv),
    Value::Blob("\0\0"sv),
    Value::Blob("a"),
    Value::Blob("\xff"),
    Value::Text(""),
    Value::Text("\0"sv),
    Value::Text("B"),
    Value::Text("a"),
    Value::Text("a\0"sv),
    Value::Text("aa"),
    Value::Text("\xc3\xa9"),
    Value::Text("\xff"),  // not UTF-8
    Value::Real(std::bit_cast<double>(0xfff8000000000000)),
    Value::Real(-std::numeric_limits<double>::infinity()),
    Value::Real(std::numeric_limits<double>::lowest()),
    Value::Real(-1.5),
    Value::Real(-std::numeric_limits<double>::denorm_min()),
    Value::Real(-0.0),
    Value::Real(0.0),
    Value::Real(std::numeric_limits<double>::denorm_min()),
    Value::Real(1.0),
    Value::Real(2.5),
    Value::Real(std::numeric_limits<double>::max()),
    Value::Real(std::numeric_limits<double>::infinity()),
    Value::Real(std::numeric_limits<double>::quiet_NaN()),
    Value::Integer(std::numeric_limits<int64_t>::min()),
    Value::Integer(-5),
    Value::Integer(0),
    Value::Integer(1),
    Value::Integer(std::numeric_limits<int64_t>::max()),
};

TEST(Value, OrderIsTotal) {
  for (size_t i = 0; i < std::size(kAscending); i++) {
    for (size_t j = 0; j < std::size(kAscending); j++) {
      EXPECT_EQ(CompareValues(kAscending[i], kAscending[j]), i <=> j) << i << " " << j;
      EXPECT_EQ(SameValue(kAscending[i], kAscending[j]), i == j) << i << " " << j;
    }
  }
}

TEST(Value, TypeOutOfRangeIsHarmless) {
  const Value unknown{.type = static_cast<ValueType>(9), .integer = 1};
  EXPECT_TRUE(SameValue(unknown, unknown));
  EXPECT_FALSE(SameValue(unknown, Value::Integer(1)));
}

}  // namespace
}  // namespace tributary
