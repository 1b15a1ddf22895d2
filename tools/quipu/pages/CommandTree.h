//===- CommandTree.h - The commands and options as data -----------------------*- C++ -*-===//
//
// What man pages and shells' completions are made of, read out of the parser itself: an option that is added to a
// command is in all of them.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_PAGES_COMMANDTREE_H
#define QUIPU_TOOLS_QUIPU_PAGES_COMMANDTREE_H

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace quipu::tool {

struct OptionPage {
  /// "-n", "--max-tokens"; of a positional its one name.
  std::vector<std::string> names;
  /// What a value is called; empty: a flag.
  std::string value;
  /// All values that there are, where these are few.
  std::vector<std::string> choices;
  std::string text, defaultText;
  bool isFile = false, isRequired = false, isRepeated = false;
};

struct CommandPage {
  /// "run"; empty: the program itself.
  std::string name;
  std::string text, footer;
  std::vector<OptionPage> options, positionals;
};

/// The program, then its commands in the order of the help text. Hidden commands are left out.
std::vector<CommandPage> describeCommands(const CLI::App &program);

/// Scripts for completion of `quipu` and `quipu-compile`, to be installed where each shell looks for them.
std::string bashCompletion(const std::vector<CommandPage> &commands);
std::string zshCompletion(const std::vector<CommandPage> &commands);
std::string fishCompletion(const std::vector<CommandPage> &commands);

/// The man page of one of the commands.
std::string manPage(const std::vector<CommandPage> &commands, const CommandPage &command);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PAGES_COMMANDTREE_H
