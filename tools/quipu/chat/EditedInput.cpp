//===- EditedInput.cpp - Lines that a person types and edits -----------------------------===//

#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/chat/HistoryFile.h"
#include "tools/quipu/chat/LineInput.h"
#include "tools/quipu/chat/Style.h"

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <histedit.h>
#include <langinfo.h>
#include <string_view>
#include <unistd.h>

namespace quipu::tool {

/// Delimits what has no width in a prompt.
static constexpr char kEscape = '\1';

namespace {

class EditedInput : public LineInput {
public:
  EditedInput(const std::string &historyPath, std::vector<std::string> completions);
  ~EditedInput() override;

  Line read(const std::string &prompt) override;
  bool isInteractive() const override { return true; }

private:
  static EditedInput &of(EditLine *editor);
  static char *showPrompt(EditLine *editor);
  static unsigned char onInterrupt(EditLine *editor, int);
  static unsigned char onSuspend(EditLine *editor, int);
  static unsigned char onTab(EditLine *editor, int);
  void bindKeys();
  void remember(const std::string &line);

  FILE *terminal;
  Style style;
  HistoryFile file;
  std::vector<std::string> completions;
  EditLine *editor = nullptr;
  History *history = nullptr;
  std::string prompt, last;
  bool isInterrupted = false, wasEmpty = false;
};

} // namespace

bool canEdit() { return isatty(STDIN_FILENO) && (isatty(STDOUT_FILENO) || isatty(STDERR_FILENO)); }

std::unique_ptr<LineInput> editedInput(const std::string &historyPath, std::vector<std::string> completions) {
  return std::make_unique<EditedInput>(historyPath, std::move(completions));
}

EditedInput::EditedInput(const std::string &historyPath, std::vector<std::string> completions)
    : terminal(isatty(STDOUT_FILENO) ? stdout : stderr), style(styleFor(fileno(terminal))), file(historyPath),
      completions(std::move(completions)) {
  // The editor asks the locale how bytes are characters. Quipu's texts are UTF-8 everywhere.
  setlocale(LC_CTYPE, "");
  if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
    setlocale(LC_CTYPE, "C.UTF-8");
  editor = el_init("quipu", stdin, terminal, stderr);
  history = history_init();
  if (!editor || !history)
    fail("standard input: the line editor cannot be set up; pipe the input instead: cat | quipu chat …");
  HistEvent event;
  ::history(history, &event, H_SETSIZE, int(HistoryFile::kMostLines));
  for (const std::string &line : file.load())
    ::history(history, &event, H_ENTER, line.c_str());
  el_set(editor, EL_CLIENTDATA, this);
  el_set(editor, EL_HIST, ::history, history);
  el_set(editor, EL_PROMPT_ESC, showPrompt, kEscape);
  el_set(editor, EL_SIGNAL, 1);
  bindKeys();
}

EditedInput::~EditedInput() {
  if (history)
    history_end(history);
  if (editor)
    el_end(editor);
}

void EditedInput::bindKeys() {
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_ADDFN, "quipu-interrupt", "Drop the line", onInterrupt);
  el_set(editor, EL_ADDFN, "quipu-suspend", "Stop the program for now", onSuspend);
  el_set(editor, EL_ADDFN, "quipu-complete", "Complete a command", onTab);
  struct {
    const char *key, *function;
  } const bindings[] = {{"^C", "quipu-interrupt"},    {"^Z", "quipu-suspend"},           {"\t", "quipu-complete"},
                        {"^R", "em-inc-search-prev"}, {"\\e[3~", "ed-delete-next-char"}, {"\\e[H", "ed-move-to-beg"},
                        {"\\e[F", "ed-move-to-end"},  {"\\e[1~", "ed-move-to-beg"},      {"\\e[4~", "ed-move-to-end"},
                        {"\\e[1;5C", "em-next-word"}, {"\\e[1;5D", "ed-prev-word"}};
  for (const auto &each : bindings)
    el_set(editor, EL_BIND, each.key, each.function, nullptr);
  // While a line is edited Ctrl-C is a key, as a signal would not say what was typed. Then so is Ctrl-Z.
  el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
  // The user's own settings.
  el_source(editor, nullptr);
}

EditedInput &EditedInput::of(EditLine *editor) {
  void *data = nullptr;
  el_get(editor, EL_CLIENTDATA, &data);
  return *static_cast<EditedInput *>(data);
}

char *EditedInput::showPrompt(EditLine *editor) { return of(editor).prompt.data(); }

unsigned char EditedInput::onInterrupt(EditLine *editor, int) {
  EditedInput &input = of(editor);
  const LineInfo *line = el_line(editor);
  input.isInterrupted = true;
  input.wasEmpty = line->lastchar == line->buffer;
  return CC_EOF;
}

unsigned char EditedInput::onSuspend(EditLine *, int) {
  // The editor's own handler sets the terminal right before and after.
  raise(SIGTSTP);
  return CC_REFRESH;
}

/// Completes what is typed as far as all completions agree.
unsigned char EditedInput::onTab(EditLine *editor, int) {
  const LineInfo *line = el_line(editor);
  std::string_view typed(line->buffer, size_t(line->cursor - line->buffer));
  std::string common;
  for (const std::string &each : of(editor).completions) {
    if (typed.empty() || !each.starts_with(typed))
      continue;
    if (common.empty())
      common = each;
    while (!each.starts_with(common))
      common.pop_back();
  }
  if (common.size() <= typed.size())
    return CC_ERROR;
  el_insertstr(editor, common.c_str() + typed.size());
  return CC_REFRESH;
}

void EditedInput::remember(const std::string &line) {
  if (line.empty() || line == last)
    return;
  HistEvent event;
  ::history(history, &event, H_ENTER, line.c_str());
  file.append(line);
  last = line;
}

LineInput::Line EditedInput::read(const std::string &text) {
  out().flush();
  prompt = text;
  // The editor shows what has no width only in front of a character, so the last one stays as it is.
  if (*style.prompt)
    prompt = kEscape + std::string(style.prompt) + kEscape + text.substr(0, text.size() - 1) + kEscape + style.plain +
             kEscape + text.back();
  isInterrupted = false;
  int count = 0;
  errno = 0;
  // Else the editor shows the prompt first, and keys are taken in another way until the terminal is set.
  el_set(editor, EL_PREP_TERM, 1);
  const char *bytes = el_gets(editor, &count);
  if (isInterrupted) {
    fputs("^C\n", terminal);
    fflush(terminal);
    return {Event::Interrupt, "", wasEmpty};
  }
  if (!bytes || count <= 0) {
    if (count < 0)
      fail("standard input: cannot read", errnoSuffix(errno));
    fputs("\n", terminal);
    fflush(terminal);
    return {};
  }
  std::string line(bytes, size_t(count));
  while (line.ends_with('\n') || line.ends_with('\r'))
    line.pop_back();
  remember(line);
  return {Event::Line, line};
}

} // namespace quipu::tool
