//===- ManPage.cpp - Man pages -----------------------------------------------------------===//

#include "tools/quipu/pages/CommandTree.h"

#include <algorithm>

namespace quipu::tool {

/// Text for roff: nothing in it is an escape or a request.
static std::string roff(const std::string &text) {
  std::string result;
  for (char c : text) {
    if ((c == '.' || c == '\'') && (result.empty() || result.ends_with('\n')))
      result += "\\&";
    if (c == '\\')
      result += "\\(rs";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
  }
  return result;
}

static std::string pageName(const CommandPage &command) {
  return command.name.empty() ? "quipu" : "quipu-" + command.name;
}

static std::string upperCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
  return text;
}

static std::string optionEntry(const OptionPage &option, bool isPositional) {
  std::string names;
  for (const std::string &name : option.names)
    names += (names.empty() ? "" : ", ") + std::string(isPositional ? "\\fI" : "\\fB") + roff(name) + "\\fR";
  if (!option.value.empty() && !isPositional)
    names += " \\fI" + roff(option.value) + "\\fR";
  std::string text = ".TP\n" + names + "\n" + roff(option.text);
  if (!option.defaultText.empty())
    text += " (default: " + roff(option.defaultText) + ")";
  return text + "\n";
}

std::string manPage(const std::vector<CommandPage> &commands, const CommandPage &command) {
  std::string name = pageName(command), words = command.name.empty() ? "quipu" : "quipu " + command.name;
  std::string text = ".TH " + upperCase(roff(name)) + " 1 \"\" \"quipu " QUIPU_VERSION "\" \"Quipu\"\n";
  text += ".SH NAME\n" + roff(name) + " \\- " + roff(command.text) + "\n";
  text += ".SH SYNOPSIS\n.B " + roff(words) + "\n[\\fIOPTIONS\\fR]";
  if (command.name.empty())
    text += " \\fICOMMAND\\fR ...";
  for (const OptionPage &positional : command.positionals) {
    std::string word = "\\fI" + roff(positional.names.front()) + "\\fR";
    text += positional.isRequired || positional.names.front() == "MODEL" ? " " + word : " [" + word + "]";
  }
  text += "\n";
  if (command.name.empty()) {
    text += ".SH COMMANDS\n";
    for (const CommandPage &other : commands)
      if (!other.name.empty())
        text += ".TP\n\\fB" + roff(other.name) + "\\fR\n" + roff(other.text) + "\n";
  }
  if (!command.positionals.empty()) {
    text += ".SH ARGUMENTS\n";
    for (const OptionPage &positional : command.positionals)
      text += optionEntry(positional, /*isPositional=*/true);
  }
  text += ".SH OPTIONS\n";
  for (const OptionPage &option : command.options)
    text += optionEntry(option, /*isPositional=*/false);
  text += ".SH EXIT STATUS\n0, 1 for an error, 2 for wrong usage.\n";
  // The end of the help text: "Example:", indented lines, and, behind an empty line, remarks.
  std::string examples = command.footer.substr(0, command.footer.find("\n\n"));
  if (size_t begin = examples.find('\n'); begin != std::string::npos)
    text += ".SH EXAMPLES\n.nf\n" + roff(examples.substr(begin + 1)) + "\n.fi\n";
  if (examples.size() + 2 < command.footer.size())
    text += ".SH NOTES\n" + roff(command.footer.substr(examples.size() + 2)) + "\n";
  text += ".SH SEE ALSO\n";
  std::string others;
  for (const CommandPage &other : commands)
    if (other.name != command.name)
      others += (others.empty() ? "" : ", ") + std::string("\\fB") + roff(pageName(other)) + "\\fR(1)";
  return text + others + "\n";
}

} // namespace quipu::tool
