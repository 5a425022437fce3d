#include "sync/cli/args.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <numeric>

namespace tributary::cli {
namespace {

const Option* FindOption(const std::vector<Option>& options, std::string_view name) {
  for (const Option& o : options) {
    if (name == o.name || (!o.alias.empty() && name == o.alias)) return &o;
  }
  return nullptr;
}

Status UnknownOption(std::string_view name, const std::vector<Option>& options) {
  std::vector<std::string_view> names;
  names.reserve(options.size());
  for (const Option& o : options) names.push_back(o.name);
  const std::string_view near = Nearest(name, names);
  std::string message = "unknown option " + std::string(name);
  message += near.empty() ? "; see --help" : "; did you mean " + std::string(near) + "?";
  return {ExitCode::kUsage, message};
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view Nearest(std::string_view typed, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, typed.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    const size_t distance = EditDistance(typed, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

Status Arguments::Parse(const std::vector<std::string>& in, const std::vector<Option>& options,
                        bool stop_at_positional) {
  for (size_t i = 0; i < in.size(); ++i) {
    const std::string& arg = in[i];
    if (arg == "--") {
      positional.insert(positional.end(), in.begin() + static_cast<ptrdiff_t>(i) + 1, in.end());
      return {};
    }
    if (arg.size() < 2 || arg[0] != '-') {
      if (stop_at_positional) {
        rest.assign(in.begin() + static_cast<ptrdiff_t>(i), in.end());
        return {};
      }
      positional.push_back(arg);
      continue;
    }
    const size_t equals = arg.starts_with("--") ? arg.find('=') : std::string::npos;
    const std::string name = arg.substr(0, equals);
    const Option* option = FindOption(options, name);
    if (option == nullptr) return UnknownOption(name, options);
    if (option->value.empty()) {
      if (equals != std::string::npos) {
        return {ExitCode::kUsage, "option " + name + " takes no value"};
      }
      values_[std::string(option->name)] = "1";
    } else if (equals != std::string::npos) {
      values_[std::string(option->name)] = arg.substr(equals + 1);
    } else if (i + 1 < in.size()) {
      values_[std::string(option->name)] = in[++i];
    } else {
      return {ExitCode::kUsage, "option " + name + " needs a value: " + std::string(option->value)};
    }
  }
  return {};
}

std::string Arguments::Get(std::string_view name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? "" : it->second;
}

Status Arguments::GetInt(std::string_view name, int64_t min, int64_t* out) const {
  const auto it = values_.find(name);
  if (it == values_.end()) return {};
  const std::string& text = it->second;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min) {
    return {ExitCode::kUsage, "option " + std::string(name) + " needs a whole number from " +
                                  std::to_string(min) + " on, not '" + text + "'"};
  }
  *out = value;
  return {};
}

Status Arguments::GetSeconds(std::string_view name, double* out) const {
  static constexpr double kMaxSeconds = 86400;
  const auto it = values_.find(name);
  if (it == values_.end()) return {};
  char* end = nullptr;
  const double value = std::strtod(it->second.c_str(), &end);
  if (it->second.empty() || *end != '\0' || !(value >= 0 && value <= kMaxSeconds)) {
    return {ExitCode::kUsage,
            "option " + std::string(name) + " needs a number of seconds, not '" + it->second + "'"};
  }
  *out = value;
  return {};
}

Status Arguments::Needs(std::string_view needed,
                        const std::vector<std::string_view>& options) const {
  for (std::string_view option : options) {
    if (!Has(option) || Has(needed)) continue;
    return {ExitCode::kUsage,
            "option " + std::string(option) + " goes with " + std::string(needed) + " only"};
  }
  return {};
}

Status Arguments::NotBoth(std::string_view one, std::string_view other) const {
  if (!Has(one) || !Has(other)) return {};
  return {ExitCode::kUsage,
          "give " + std::string(one) + " or " + std::string(other) + ", not both"};
}

void Arguments::Merge(const Arguments& other) {
  for (const auto& [name, value] : other.values_) values_.insert_or_assign(name, value);
  positional.insert(positional.end(), other.positional.begin(), other.positional.end());
}

}  // namespace tributary::cli
