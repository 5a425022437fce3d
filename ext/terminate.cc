// What happens when an exception escapes in tributary.so, which nothing here lets happen: abort.
//
// The C++ library's own handler prints the exception's name first, and with it come 50 KB of a
// demangler and of stdio. It reads the handler from this variable, which a program may define.
#ifndef SQLITE_CORE
#include <cstdlib>
#include <exception>

namespace __cxxabiv1 {  // NOLINT(bugprone-reserved-identifier,cert-dcl51-cpp): the library's name
extern std::terminate_handler __terminate_handler;        // NOLINT(bugprone-reserved-identifier)
std::terminate_handler __terminate_handler = std::abort;  // NOLINT(bugprone-reserved-identifier)
}  // namespace __cxxabiv1
#endif
