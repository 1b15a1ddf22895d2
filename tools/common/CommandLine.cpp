//===- CommandLine.cpp - The arguments of every command ----------------------------------===//

#include "tools/common/CommandLine.h"
#include "tools/common/Console.h"
#include "tools/common/Suggestion.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace quipu::tool {

std::string shellWord(const std::string &argument) {
  static constexpr const char *kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%";
  if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string::npos)
    return argument;
  std::string text = "'";
  for (char c : argument)
    text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string rangeText(std::string_view least, std::string_view most, bool isWhole) {
  std::string text = isWhole ? "no whole number" : "no number";
  if (!least.empty())
    text += " from " + std::string(least);
  if (!most.empty())
    text += (least.empty() ? " up to " : " to ") + std::string(most);
  return text + (isWhole ? ", written in decimal digits" : ", written as 0.5");
}

std::string detail::messageName(const std::string &names) {
  size_t begin = names.find("--");
  if (begin == std::string::npos)
    begin = 0;
  return names.substr(begin, names.find(',', begin) - begin);
}

CLI::Validator isNumber(uint32_t least, uint32_t most) {
  return {[least, most](std::string &text) {
            std::optional<uint32_t> value = parseNumber<uint32_t>(text);
            return value && *value >= least && *value <= most
                       ? std::string()
                       : "'" + text + "' is " + rangeText(std::to_string(least), std::to_string(most), true);
          },
          "", "number"};
}

namespace {

/// Puts the arguments of one command into a form that has only one meaning: first each option, as its name and its
/// value if it takes one; then the words of the positionals.
class Reader {
public:
  Reader(const CLI::App &command, const std::string &plan) : command(command), plan(plan) {}

  std::vector<std::string> read(const std::vector<std::string> &arguments);

private:
  void readLong(const std::string &argument);
  void readShort(const std::string &argument);
  /// The option of this name. If there is none, throws UsageError with the name of a similar one.
  const CLI::Option &find(const std::string &name, const std::string &argument) const;
  void add(const CLI::Option &option, const std::string &name, const std::string &value);
  std::string nextValue(const CLI::Option &option, const std::string &name);
  /// Whether an option that need not have a value has none. It is the option that was read last.
  bool isLeftOut(const CLI::Option &option) const;
  void placeWords();
  std::vector<std::string> optionNames() const;

  const CLI::App &command;
  const std::string &plan;
  std::vector<std::string> rest, result, words;
  std::set<const CLI::Option *> given;
  bool wantsHelp = false;
};

} // namespace

static bool takesValue(const CLI::Option &option) { return option.get_items_expected_max() > 0; }

/// The command as the user types it: "quipu run".
static std::string nameOf(const CLI::App &command) {
  const CLI::App *parent = command.get_parent();
  return parent ? parent->get_name() + " " + command.get_name() : command.get_name();
}

std::vector<std::string> Reader::optionNames() const {
  std::vector<std::string> names;
  for (const CLI::Option *option : command.get_options()) {
    for (const std::string &name : option->get_lnames())
      names.push_back("--" + name);
    for (const std::string &name : option->get_snames())
      names.push_back("-" + name);
  }
  return names;
}

const CLI::Option &Reader::find(const std::string &name, const std::string &argument) const {
  if (const CLI::Option *option = command.get_option_no_throw(name))
    return *option;
  // Users of other programs write a single dash before a long name.
  std::string wanted = argument.substr(0, argument.find('='));
  std::string similar = nearest(wanted.starts_with("--") ? wanted : "-" + wanted, optionNames());
  bool takesText = std::ranges::any_of(command.get_options(), [](auto *it) { return it->get_type_name() == kWords; });
  throw UsageError(
      nameOf(command) + " has no option " + shellWord(argument) +
      (similar.empty() ? "; " + nameOf(command) + " --help lists them" : "; did you mean " + similar + "?") +
      (takesText ? " (text that begins with a dash comes behind --)" : ""));
}

void Reader::add(const CLI::Option &option, const std::string &name, const std::string &value) {
  if (value.empty())
    throw UsageError(name + " needs a value, and an empty one was given");
  given.insert(&option);
  result.push_back(name);
  result.push_back(value);
}

std::string Reader::nextValue(const CLI::Option &option, const std::string &name) {
  std::string type = option.get_type_name().empty() ? "a value" : option.get_type_name();
  if (rest.empty())
    throw UsageError(name + " needs a value (" + type + "), and the command line ends here");
  std::string value = rest.back();
  if (value.starts_with("--") && command.get_option_no_throw(value.substr(0, value.find('='))))
    throw UsageError(name + " needs a value (" + type + "), and " + value + " follows; if that is meant: " + name +
                     (name.starts_with("--") ? "=" : "") + value);
  rest.pop_back();
  return value;
}

bool Reader::isLeftOut(const CLI::Option &option) const {
  if (option.get_option_text().starts_with(kOptionalValue))
    return true;
  if (option.get_option_text() != kOptionalFile)
    return false;
  if (rest.empty() || (rest.back().starts_with("-") && rest.back() != "-"))
    return true;
  size_t positionals = 0;
  for (const CLI::Option *each : command.get_options())
    positionals += each->get_positional() && (each->get_name(/*positional=*/true) != "PLAN" || plan.empty());
  return words.size() < positionals;
}

void Reader::readLong(const std::string &argument) {
  size_t equals = argument.find('=');
  std::string name = argument.substr(0, equals);
  const CLI::Option &option = find(name, argument);
  wantsHelp |= &option == command.get_help_ptr();
  if (takesValue(option)) {
    if (equals != std::string::npos)
      add(option, name, argument.substr(equals + 1));
    else
      add(option, name, isLeftOut(option) ? option.get_default_str() : nextValue(option, name));
    // Some take two.
    for (int i = 1; i < option.get_items_expected_min(); ++i)
      result.push_back(nextValue(option, name));
    return;
  }
  if (equals != std::string::npos)
    throw UsageError(name + " takes no value, and " + shellWord(argument) + " gives one");
  result.push_back(name);
}

/// "-v", "-n5", "-n" "5", "-vn5".
void Reader::readShort(const std::string &argument) {
  // "-top-k" would be the option -t with a value.
  if (argument.size() > 2 && command.get_option_no_throw("-" + argument.substr(0, argument.find('='))))
    (void)find("", argument);
  for (size_t i = 1; i < argument.size(); ++i) {
    std::string name = {'-', argument[i]};
    const CLI::Option &option = find(name, argument);
    wantsHelp |= &option == command.get_help_ptr();
    if (takesValue(option)) {
      std::string value = argument.substr(i + 1);
      add(option, name, value.empty() ? nextValue(option, name) : value);
      return;
    }
    result.push_back(name);
  }
}

void Reader::placeWords() {
  size_t next = 0;
  std::string taken;
  std::vector<std::string> placed;
  for (const CLI::Option *option : command.get_options()) {
    if (!option->get_positional())
      continue;
    std::string name = option->get_name(/*positional=*/true);
    if (name == "PLAN" && !plan.empty()) {
      if (given.insert(option).second)
        placed.push_back(plan);
      continue;
    }
    taken += " " + name;
    if (given.count(option) || next == words.size())
      continue;
    std::string value = words[next++];
    if (option->get_type_name() == kWords)
      while (next < words.size())
        value += " " + words[next++];
    // Only a text may be empty.
    else if (value.empty())
      throw UsageError(name + " is empty");
    given.insert(option);
    placed.push_back(value);
  }
  if (next < words.size()) {
    std::string extra;
    for (; next < words.size(); ++next)
      extra += " " + shellWord(words[next]);
    throw UsageError("not understood:" + extra + "; " + nameOf(command) + " takes " +
                     (taken.empty() ? "options alone" : taken.substr(1)));
  }
  if (placed.empty())
    return;
  result.push_back("--");
  result.insert(result.end(), placed.begin(), placed.end());
}

std::vector<std::string> Reader::read(const std::vector<std::string> &arguments) {
  rest.assign(arguments.rbegin(), arguments.rend());
  bool wordsOnly = false;
  while (!rest.empty()) {
    std::string argument = rest.back();
    rest.pop_back();
    auto isName = [&](size_t at) { return argument.size() > at && isalpha(static_cast<unsigned char>(argument[at])); };
    if (!wordsOnly && argument == "--")
      wordsOnly = true;
    else if (!wordsOnly && argument.starts_with("--") && isName(2))
      readLong(argument);
    else if (!wordsOnly && argument.starts_with("-") && isName(1))
      readShort(argument);
    else
      words.push_back(argument);
  }
  if (wantsHelp)
    return {"--help"};
  placeWords();
  for (const CLI::Option *option : command.get_options())
    if (option->get_required() && !given.count(option)) {
      std::string name = option->get_positional() ? option->get_name(/*positional=*/true) : option->get_name();
      throw UsageError(name + " is required" + (option->get_positional() ? ": " + option->get_description() : "") +
                       "; see " + nameOf(command) + " --help");
    }
  return result;
}

void parseCommandLine(CLI::App &program, std::vector<std::string> arguments, const std::string &plan) {
  const CLI::App *command = &program;
  std::vector<std::string> readable;
  for (const CLI::App *subcommand : program.get_subcommands({}))
    if (!arguments.empty() && subcommand->get_name() == arguments.front())
      command = subcommand;
  if (command != &program) {
    readable = {arguments.front()};
    arguments.erase(arguments.begin());
  }
  for (std::string &argument : Reader(*command, plan).read(arguments))
    readable.push_back(std::move(argument));
  std::reverse(readable.begin(), readable.end());
  try {
    program.parse(readable);
  } catch (const CLI::Success &) {
    throw;
  } catch (const CLI::ParseError &error) {
    throw UsageError(error.what());
  }
}

} // namespace quipu::tool
