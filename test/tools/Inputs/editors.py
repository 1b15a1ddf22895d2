"""editors.py IDE.md BUILD RIGHT.mlir WRONG.mlir: opens modules in Neovim and in Emacs, with the settings of the page.

Prints for each editor that is there what it shows of the first llama.rms_norm, the line that defines its operand, and the
first thing that is wrong with the other module. All editors must print the same.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

page, build, *modules = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])

NEOVIM = r"""
local function wait(condition) assert(vim.wait(60000, condition, 50), "the server does not answer") end
wait(function() local client = vim.lsp.get_clients({ bufnr = 0 })[1]; return client and client.initialized end)
if vim.fn.expand("%:t") == "wrong.mlir" then
  wait(function() return #vim.diagnostic.get(0) > 0 end)
  print("wrong: diagnostic: " .. vim.diagnostic.get(0)[1].message)
else
  local line = vim.fn.search("llama.rms_norm")
  local place = vim.lsp.util.make_position_params(0, "utf-16")
  local shown = vim.lsp.buf_request_sync(0, "textDocument/hover", place, 60000)
  local _, answer = next(shown)
  print("right: hover: " .. answer.result.contents.value:match("[^\n]*"))
  vim.fn.search("rms_norm %\\zs.", "c")
  vim.lsp.buf.definition()
  wait(function() return vim.fn.line(".") ~= line end)
  print("right: definition: " .. vim.fn.getline("."))
end
"""

EMACS = r"""
(find-file (pop command-line-args-left))
(setq eglot-sync-connect 60)
(apply #'eglot (eglot--guess-contact))
(if (equal (file-name-base (buffer-file-name)) "wrong")
    (let ((tries 600))
      (flymake-mode 1)
      (flymake-start)
      (while (and (> tries 0) (not (flymake-diagnostics)))
        (accept-process-output nil 0.1)
        (setq tries (1- tries)))
      (princ (format "wrong: diagnostic: %s\n" (flymake-diagnostic-text (car (flymake-diagnostics))))))
  (goto-char (point-min))
  (search-forward "llama.rms_norm")
  (backward-char 3)
  (let* ((place (eglot--TextDocumentPositionParams))
         (answer (jsonrpc-request (eglot-current-server) :textDocument/hover place)))
    (princ (format "right: hover: %s\n" (car (split-string (plist-get (plist-get answer :contents) :value) "\n")))))
  (search-forward "%")
  (let ((item (xref-item-location (car (xref-backend-definitions 'eglot "LSP identifier at point.")))))
    (goto-char (point-min))
    (forward-line (1- (xref-location-line item)))
    (princ (format "right: definition: %s\n" (buffer-substring (line-beginning-position) (line-end-position))))))
"""


def settings(title):
    """The indented block below a heading of the page."""
    section = page.read_text().split(f"## {title}\n", 1)[1].split("\n## ")[0]
    return "\n".join(line[4:] for line in section.split("\n") if line.startswith("    "))


def run(command, folder):
    ended = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200)
    text = ended.stdout + ended.stderr
    lines = [line for line in text.replace("\r", "").split("\n") if re.match("(right|wrong): ", line)]
    assert ended.returncode == 0 and lines, text
    return lines


def neovim(folder):
    (folder / "init.lua").write_text(settings("Neovim"))
    (folder / "drive.lua").write_text(NEOVIM)
    return [line for module in modules for line in
            run(["nvim", "--clean", "-u", "init.lua", "--headless", module.name, "-c", "luafile drive.lua", "-c", "qa!"], folder)]


def emacs(folder):
    (folder / "init.el").write_text(settings("Emacs"))
    (folder / "drive.el").write_text(EMACS)
    return [line for module in modules for line in
            run(["emacs", "--batch", "-f", "package-initialize", "-l", "init.el", "-l", "eglot", "-l", "drive.el", module.name],
                folder)]


printed = []
for name, drive in (("nvim", neovim), ("emacs", emacs)):
    if not shutil.which(name):
        continue
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        subprocess.run(["git", "init", "-q", scratch], check=True)
        (folder / "build").symlink_to(build)
        for module in modules:
            shutil.copy(module, folder)
        lines = drive(folder)
        print(f"{name} {subprocess.run([name, '--version'], capture_output=True, text=True).stdout.split(chr(10))[0]}", file=sys.stderr)
        # eglot says which server a diagnostic is from.
        printed.append([re.sub(r"diagnostic: mlir: ", "diagnostic: ", line) for line in lines])
assert printed and all(lines == printed[0] for lines in printed), printed
print("\n".join(printed[0]))
