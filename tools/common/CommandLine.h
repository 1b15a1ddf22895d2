//===- CommandLine.h - The arguments of every command -------------------------*- C++ -*-===//
//
// CLI11 knows the options, converts them and prints the help. How arguments are read is here, the same for every
// command of quipu and for quipu-compile: what a number is, what may be empty, and what is said about the rest.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMON_COMMANDLINE_H
#define QUIPU_TOOLS_COMMON_COMMANDLINE_H

#include "runtime/support/Number.h"

#include <CLI/CLI.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace quipu::tool {

/// How the text of an option begins (option_text) whose value may be left out. A value needs a "=": the next argument
/// is none. Its default is what it is without a value.
inline constexpr const char *kOptionalValue = "[=";

/// The text of an option for a file that may be left out. The next argument is its value where all positionals are
/// given, unless it is an option. Its default is what it is without a value.
inline constexpr const char *kOptionalFile = "[FILE]";

/// The type of a positional that takes all remaining words, joined by blanks.
inline constexpr const char *kWords = "WORDS";

/// Parses the arguments (without the program's name) into the options of `program`, or of the subcommand that the first
/// argument names. `plan`: value of the positional PLAN if no option gives it; then no word is taken for it. Empty: no
/// such value. Throws UsageError for arguments that make no sense, in the order in which they were given. Throws
/// CLI::Success if the help or the version is asked for.
void parseCommandLine(CLI::App &program, std::vector<std::string> arguments, const std::string &plan = "");

/// The argument as a person types it in a shell, with quotes if it needs them.
std::string shellWord(const std::string &argument);

/// Says what a text outside the range is: "no whole number from 0 to 8", "no number from 0 to 1".
std::string rangeText(std::string_view least, std::string_view most, bool isWhole);

/// The number that `text` spells. Throws CLI::ValidationError, which names the option, for a text that is not a number
/// in the range.
template <typename Number>
Number readNumber(const std::string &option, const std::string &text, Number least, Number most) {
  std::optional<Number> value = parseNumber<Number>(text);
  if (value && *value >= least && *value <= most)
    return *value;
  constexpr bool isWhole = std::integral<Number>;
  auto bound = [](Number number) {
    std::ostringstream stream;
    // A bound that is only the greatest number of its type is not shown.
    if (isWhole || (number != std::numeric_limits<Number>::max() && number != std::numeric_limits<Number>::lowest()))
      stream << number;
    return stream.str();
  };
  throw CLI::ValidationError(option, "'" + text + "' is " + rangeText(bound(least), bound(most), isWhole));
}

/// The numbers of "1,2,3". Throws as readNumber().
template <typename Number>
std::vector<Number> readNumbers(const std::string &option, const std::string &text, Number least, Number most) {
  std::vector<Number> numbers;
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    numbers.push_back(readNumber<Number>(option, text.substr(begin, end - begin), least, most));
    begin = end + 1;
  }
  return numbers;
}

namespace detail {
template <typename Value> struct NumberOf {
  using Type = Value;
};
template <typename Value> struct NumberOf<std::optional<Value>> {
  using Type = Value;
};
template <typename Value> struct NumberOf<std::vector<Value>> {
  using Type = Value;
};
/// The name of an option in messages: its first long name, or another one if it has no long name.
std::string messageName(const std::string &names);
} // namespace detail

/// Adds an option whose value is one number from `least` to `most`. The variable may be an std::optional.
template <typename Value, typename Number = typename detail::NumberOf<Value>::Type>
CLI::Option *addNumber(CLI::App &command, const std::string &names, Value &value, const std::string &text,
                       std::type_identity_t<Number> least = std::numeric_limits<Number>::lowest(),
                       std::type_identity_t<Number> most = std::numeric_limits<Number>::max()) {
  auto read = [&value, name = detail::messageName(names), least, most](const CLI::results_t &given) {
    value = readNumber<Number>(name, given.back(), least, most);
    return true;
  };
  // The value of an std::optional is not a default.
  std::function<std::string()> show;
  if constexpr (std::same_as<Value, Number>)
    show = [&value] { return (std::ostringstream() << value).str(); };
  return command.add_option(names, read, text, false, show)->type_name(std::integral<Number> ? "N" : "X");
}

/// Adds an option whose values are numbers: "128,512", or the option several times.
template <typename Number>
CLI::Option *addNumbers(CLI::App &command, const std::string &names, std::vector<Number> &values,
                        const std::string &text, std::type_identity_t<Number> least = 0,
                        std::type_identity_t<Number> most = std::numeric_limits<Number>::max()) {
  auto read = [&values, name = detail::messageName(names), least, most](const CLI::results_t &given) {
    values.clear();
    for (const std::string &list : given)
      for (Number number : readNumbers<Number>(name, list, least, most))
        values.push_back(number);
    return true;
  };
  auto show = [&values] {
    std::ostringstream stream;
    for (size_t i = 0; i < values.size(); ++i)
      stream << (i ? "," : "") << values[i];
    return stream.str();
  };
  return command.add_option(names, read, text, false, show)
      ->type_name("N,...")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

/// Accepts the texts of numbers in the range, for options that are passed on as text.
CLI::Validator isNumber(uint32_t least, uint32_t most);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_COMMANDLINE_H
