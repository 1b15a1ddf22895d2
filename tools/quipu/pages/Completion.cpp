//===- Completion.cpp - Completion for bash, zsh and fish --------------------------------===//

#include "tools/quipu/pages/CommandTree.h"

namespace quipu::tool {

static std::string joined(const std::vector<std::string> &words, const char *between) {
  std::string text;
  for (const std::string &word : words)
    text += (text.empty() ? "" : between) + word;
  return text;
}

static std::string replaced(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// All names of the options of a command.
static std::vector<std::string> optionNames(const CommandPage &command) {
  std::vector<std::string> names;
  for (const OptionPage &option : command.options)
    names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

static std::vector<std::string> commandNames(const std::vector<CommandPage> &commands) {
  std::vector<std::string> names;
  for (const CommandPage &command : commands)
    if (!command.name.empty())
      names.push_back(command.name);
  return names;
}

//===----------------------------------------------------------------------------------===//
// bash
//===----------------------------------------------------------------------------------===//

/// The patterns of a `case` on the word before the one that is completed.
static std::string bashValues(const CommandPage &command) {
  std::string text;
  std::vector<std::string> plain, files;
  for (const OptionPage &option : command.options) {
    if (option.value.empty())
      continue;
    if (!option.choices.empty()) {
      text +=
          "    " + joined(option.names, "|") + ") _quipu_words \"" + joined(option.choices, " ") + "\"; return ;;\n";
      continue;
    }
    std::vector<std::string> &names = option.isFile ? files : plain;
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  // Without words of ours bash completes names of files.
  if (!files.empty())
    text += "    " + joined(files, "|") + ") return ;;\n";
  if (!plain.empty())
    text += "    " + joined(plain, "|") + ") compopt +o default; return ;;\n";
  return text;
}

std::string bashCompletion(const std::vector<CommandPage> &commands) {
  std::string text = R"(# Completion of quipu for bash, generated from its commands.

_quipu_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }

_quipu() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=
  COMPREPLY=()
  # "--name=value" comes as three words.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  if [[ ${1##*/} == quipu-compile ]]; then
    command=compile
  elif ((COMP_CWORD > 1)); then
    command=${COMP_WORDS[1]}
  fi
  case $command in
)";
  for (const CommandPage &command : commands) {
    text += "  " + (command.name.empty() ? std::string("''") : command.name) + ")\n";
    if (std::string values = bashValues(command); !values.empty())
      text += "    case $prev in\n" + values + "    esac\n";
    text += "    if [[ $cur == -* ]]; then\n      _quipu_words \"" + joined(optionNames(command), " ") + "\"\n";
    if (command.name.empty())
      text += "    else\n      _quipu_words \"" + joined(commandNames(commands), " ") + "\"\n";
    else if (!command.positionals.empty() && !command.positionals.front().choices.empty())
      text += "    else\n      _quipu_words \"" + joined(command.positionals.front().choices, " ") + "\"\n";
    text += "    fi\n    ;;\n";
  }
  return text + R"(  esac
}

complete -o default -F _quipu quipu quipu-compile
)";
}

//===----------------------------------------------------------------------------------===//
// zsh
//===----------------------------------------------------------------------------------===//

/// Text inside a specification of _arguments, which stands in single quotes.
static std::string zshText(std::string text) {
  text = replaced(text, "\\", "\\\\");
  for (const char *special : {"[", "]", ":"})
    text = replaced(text, special, std::string("\\") + special);
  return replaced(text, "'", "'\\''");
}

static std::string zshValue(const OptionPage &option) {
  std::string action = option.isFile ? "_files" : " ";
  if (!option.choices.empty())
    action = "(" + joined(option.choices, " ") + ")";
  return ":" + zshText(option.choices.empty() ? option.value : "value") + ":" + action;
}

static std::string zshOption(const OptionPage &option) {
  std::string text;
  std::string others = option.isRepeated ? "*" : "(" + joined(option.names, " ") + ")";
  for (const std::string &name : option.names) {
    text += " \\\n    '" + others + name;
    // The value may be in the same word: -n5, --name=5.
    if (!option.value.empty())
      text += name.starts_with("--") ? "=" : "+";
    text += "[" + zshText(option.text) + "]" + (option.value.empty() ? "" : zshValue(option)) + "'";
  }
  return text;
}

std::string zshCompletion(const std::vector<CommandPage> &commands) {
  std::string text = "#compdef quipu quipu-compile\n# Completion of quipu for zsh, generated from its commands.\n\n";
  for (const CommandPage &command : commands) {
    if (command.name.empty())
      continue;
    text += "_quipu_" + command.name + "() {\n  _arguments -s -S";
    for (const OptionPage &option : command.options)
      text += zshOption(option);
    for (size_t i = 0; i < command.positionals.size(); ++i) {
      const OptionPage &positional = command.positionals[i];
      bool isLast = i + 1 == command.positionals.size() && i > 0;
      text += " \\\n    '" + (isLast ? std::string("*") : std::to_string(i + 1)) + ":" + positional.names.front() +
              ":" + (positional.choices.empty() ? "_files" : "(" + joined(positional.choices, " ") + ")") + "'";
    }
    text += "\n}\n\n";
  }
  text += "_quipu() {\n  if [[ $service == quipu-compile ]]; then\n    _quipu_compile\n    return\n  fi\n"
          "  if ((CURRENT == 2)); then\n    local -a commands=(";
  for (const CommandPage &command : commands)
    if (!command.name.empty())
      text += "\n      '" + replaced(replaced(command.name + ":" + command.text, "\\", "\\\\"), "'", "'\\''") + "'";
  text += ")\n    _describe -t commands command commands\n    _arguments -s";
  for (const OptionPage &option : commands.front().options)
    text += zshOption(option);
  return text + "\n    return\n  fi\n  local command=$words[2]\n  shift words\n  ((CURRENT--))\n"
                "  (($+functions[_quipu_$command])) && _quipu_$command\n}\n\n_quipu \"$@\"\n";
}

//===----------------------------------------------------------------------------------===//
// fish
//===----------------------------------------------------------------------------------===//

static std::string fishQuoted(const std::string &text) {
  return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
}

/// The lines of a command; `start`: "complete -c NAME -n CONDITION".
static std::string fishCommand(const CommandPage &command, const std::string &start) {
  std::string text;
  for (const OptionPage &option : command.options) {
    text += start;
    for (const std::string &name : option.names)
      text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (!option.choices.empty())
      text += " -xa " + fishQuoted(joined(option.choices, " "));
    else if (option.isFile)
      text += " -rF";
    else if (!option.value.empty())
      text += " -x";
    text += " -d " + fishQuoted(option.text) + "\n";
  }
  for (const OptionPage &positional : command.positionals)
    text += start + (positional.choices.empty() ? " -F" : " -xa " + fishQuoted(joined(positional.choices, " "))) + "\n";
  return text;
}

std::string fishCompletion(const std::vector<CommandPage> &commands) {
  std::string text = "# Completion of quipu for fish, generated from its commands.\n\ncomplete -c quipu -f\n";
  for (const CommandPage &command : commands) {
    if (command.name.empty()) {
      text += fishCommand(command, "complete -c quipu -n __fish_use_subcommand");
      continue;
    }
    text += "complete -c quipu -n __fish_use_subcommand -a " + command.name + " -d " + fishQuoted(command.text) + "\n";
    text += fishCommand(command, "complete -c quipu -n '__fish_seen_subcommand_from " + command.name + "'");
    if (command.name == "compile")
      text += fishCommand(command, "complete -c quipu-compile");
  }
  return text;
}

} // namespace quipu::tool
