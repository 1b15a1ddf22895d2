//===- Pages.cpp - quipu completion, and the pages that are installed --------------------===//

#include "runtime/support/Error.h"
#include "runtime/support/OutputFile.h"
#include "tools/common/Console.h"
#include "tools/quipu-compile/Options.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/pages/CommandTree.h"

#include <filesystem>
#include <memory>

namespace fs = std::filesystem;

namespace quipu::tool {

/// quipu-compile reads its own options. Here they are only listed.
static std::vector<CommandPage> describeAll(CLI::App &program) {
  CompileOptions options;
  CompileTexts texts;
  addCompileOptions(*program.get_subcommand("compile"), options, texts, "quipu compile");
  return describeCommands(program);
}

static std::string completionFor(const std::string &shell, const std::vector<CommandPage> &commands) {
  if (shell == "bash")
    return bashCompletion(commands);
  return shell == "zsh" ? zshCompletion(commands) : fishCompletion(commands);
}

static void writePage(const fs::path &path, const std::string &text) {
  fs::create_directories(path.parent_path());
  OutputFile file(path.string());
  file.write(text.data(), text.size());
  file.commit();
}

static int writePages(CLI::App &program, const fs::path &folder) {
  std::vector<CommandPage> commands = describeAll(program);
  writePage(folder / "completions/quipu", bashCompletion(commands));
  writePage(folder / "completions/_quipu", zshCompletion(commands));
  writePage(folder / "completions/quipu.fish", fishCompletion(commands));
  for (const CommandPage &command : commands)
    writePage(folder / "man" / (command.name.empty() ? "quipu.1" : "quipu-" + command.name + ".1"),
              manPage(commands, command));
  return 0;
}

void addPages(CLI::App &program, Action &action) {
  auto shell = std::make_shared<std::string>();
  CLI::App *completion = program.add_subcommand("completion", "Print the completion script of a shell");
  completion->footer("Example:\n  quipu completion bash > ~/.local/share/bash-completion/completions/quipu\n"
                     "  quipu completion fish > ~/.config/fish/completions/quipu.fish\n"
                     "  quipu completion zsh > ~/.zfunc/_quipu");
  completion->add_option("SHELL", *shell, "The shell")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->callback([shell, &program, &action] {
    action = [shell, &program] {
      out().write(completionFor(*shell, describeAll(program)));
      return 0;
    };
  });

  // The build calls this command and installs the files that it writes.
  auto folder = std::make_shared<std::string>();
  CLI::App *pages = program.add_subcommand("pages", "Write all completion scripts and man pages into a folder");
  pages->group("");
  pages->add_option("DIR", *folder, "The folder")->required();
  pages->callback(
      [folder, &program, &action] { action = [folder, &program] { return writePages(program, *folder); }; });
}

} // namespace quipu::tool
