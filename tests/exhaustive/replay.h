// Runs one history given as text, such as a failing one that Histories prints.
//
// Steps are separated by spaces: A.insert(KEY,VALUE), A.replace(KEY,VALUE),
// A.update(KEY,COLUMN,VALUE), A.updateall(KEY,VALUE), A.delete(KEY), A.move(KEY) (to the other
// key) are transactions of site A; B<A1.0 delivers to B the record with seq 0 of A's first.
#ifndef TRIBUTARY_TESTS_EXHAUSTIVE_REPLAY_H_
#define TRIBUTARY_TESTS_EXHAUSTIVE_REPLAY_H_

#include <string>

namespace tributary::exhaustive {

// Prints each step and the state after it. False where the text makes no sense or a replica's
// state at the end is not the model's.
bool Replay(int width, const std::string& history);

}  // namespace tributary::exhaustive

#endif  // TRIBUTARY_TESTS_EXHAUSTIVE_REPLAY_H_
