// Changes Protocol Buffers messages field by field, without knowing what they mean.
#ifndef TRIBUTARY_TESTS_FUZZ_MESSAGE_INPUT_H_
#define TRIBUTARY_TESTS_FUZZ_MESSAGE_INPUT_H_

#include <string>

#include "tests/changeset/sample.h"

namespace tributary::fuzz {

// Changes one field somewhere in the message, or in one inside it, `depth` messages down at most.
// What is no message is changed as bytes.
void MutateMessage(Maker* maker, int depth, std::string* message);

}  // namespace tributary::fuzz

#endif  // TRIBUTARY_TESTS_FUZZ_MESSAGE_INPUT_H_
