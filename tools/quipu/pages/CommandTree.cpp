//===- CommandTree.cpp - The commands and options as data --------------------------------===//

#include "tools/quipu/pages/CommandTree.h"
#include "tools/common/CommandLine.h"

#include <sstream>

namespace quipu::tool {

/// Of "TEXT:{md,json}" the words in braces.
static std::vector<std::string> choicesOf(const std::string &type) {
  std::vector<std::string> choices;
  size_t begin = type.find('{'), end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos)
    return choices;
  std::istringstream list(type.substr(begin + 1, end - begin - 1));
  for (std::string choice; std::getline(list, choice, ',');)
    choices.push_back(choice);
  return choices;
}

static OptionPage describe(const CLI::Option &option) {
  OptionPage page;
  page.text = option.get_description();
  page.defaultText = option.get_default_str();
  page.isRequired = option.get_required();
  page.isRepeated =
      option.get_items_expected_max() > 1 || option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  std::string type = option.get_option_text().empty() ? option.get_type_name() : option.get_option_text();
  // The next word is no value of it.
  if (option.get_items_expected_max() == 0 || type.starts_with(kOptionalValue))
    return page;
  page.choices = choicesOf(type);
  std::string plain = type.substr(0, type.find(":{"));
  page.isFile = plain == "FILE" || plain == "DIR" || plain == kOptionalFile;
  page.value = page.choices.empty() ? plain : type.substr(type.find('{'));
  return page;
}

static CommandPage describe(const CLI::App &command, const std::string &name) {
  CommandPage page{name, command.get_description(), command.get_footer(), {}, {}};
  for (const CLI::Option *option : command.get_options()) {
    if (option->get_positional()) {
      OptionPage positional = describe(*option);
      positional.names = {option->get_name(/*positional=*/true)};
      page.positionals.push_back(positional);
    }
    OptionPage named = describe(*option);
    for (const std::string &letter : option->get_snames())
      named.names.push_back("-" + letter);
    for (const std::string &word : option->get_lnames())
      named.names.push_back("--" + word);
    if (!named.names.empty())
      page.options.push_back(named);
  }
  return page;
}

std::vector<CommandPage> describeCommands(const CLI::App &program) {
  std::vector<CommandPage> pages = {describe(program, "")};
  for (const CLI::App *command : program.get_subcommands([](const CLI::App *) { return true; }))
    if (!command->get_group().empty())
      pages.push_back(describe(*command, command->get_name()));
  // What `help` takes are the commands.
  for (CommandPage &page : pages)
    if (page.name == "help" && !page.positionals.empty())
      for (const CommandPage &other : pages)
        if (!other.name.empty() && other.name != "help" && other.name != "version")
          page.positionals.front().choices.push_back(other.name);
  return pages;
}

} // namespace quipu::tool
