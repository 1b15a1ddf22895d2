//===- ResultFile.cpp - Results that survive the end of the program ------------------------===//

#include "tools/quipu/score/ResultFile.h"
#include "runtime/support/Descriptor.h"
#include "runtime/support/Error.h"
#include "runtime/support/Hash.h"
#include "runtime/support/InputFiles.h"
#include "tools/quipu/JsonText.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quipu::tool {

using nlohmann::ordered_json;

static constexpr const char *kHeader = "quipu_score";

/// A line of a result file. Nothing: it is not whole.
static std::optional<ordered_json> parseLine(std::string_view line) {
  ordered_json value = ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object())
    return std::nullopt;
  return value;
}

static std::string_view headerLine(std::string_view text) { return text.substr(0, text.find('\n')); }

/// Whether the text begins as a result file, and has no total.
static bool isUnfinished(std::string_view text) {
  std::optional<ordered_json> first = parseLine(headerLine(text));
  if (!first || !first->contains(kHeader))
    return false;
  if (text.ends_with('\n'))
    text.remove_suffix(1);
  std::optional<ordered_json> last = parseLine(text.substr(text.rfind('\n') + 1));
  return !last || !last->contains("total");
}

ResultFile::ResultFile(const std::string &path, const ordered_json &header, std::span<const Sample> samples,
                       bool resume)
    : path(path) {
  fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0)
    fail(path, ": cannot write the results", errnoSuffix(errno));
  try {
    struct stat status;
    if (fstat(fd, &status) != 0)
      fail(path, ": cannot look at the file", errnoSuffix(errno));
    if (std::optional<std::string> input = findInput(status))
      fail(path, ": cannot write: it is ", *input, "; name another file for the output");
    // What is no file (/dev/full) has no results to go on from.
    bool isFile = S_ISREG(status.st_mode);
    if (resume && !isFile)
      fail(path, ": is no regular file, so there is nothing to resume; leave out --resume");
    if (isFile)
      lock();
    std::string text = isFile ? readAll() : "";
    if (!resume && isUnfinished(text))
      fail(path, ": has the results of a run that has not finished; go on with --resume, or remove the file");
    size_t kept = resume ? takeFound(text, header, samples) : 0;
    if (isFile && (ftruncate(fd, off_t(kept)) != 0 || lseek(fd, off_t(kept), SEEK_SET) < 0))
      fail(path, ": cannot write the results", errnoSuffix(errno));
    if (kept == 0)
      append(header);
  } catch (...) {
    close(fd);
    throw;
  }
}

ResultFile::~ResultFile() { close(fd); }

void ResultFile::lock() const {
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    fail(path, ": another run is writing it; wait for its end, or name another file");
}

std::string ResultFile::readAll() const {
  std::string text;
  char buffer[65536];
  for (;;) {
    ssize_t count = readSome(fd, buffer, sizeof(buffer));
    if (count < 0)
      fail(path, ": cannot read", errnoSuffix(errno));
    if (count == 0)
      return text;
    text.append(buffer, size_t(count));
  }
}

void ResultFile::checkHeader(const ordered_json &found, const ordered_json &expected) const {
  if (!found.contains(kHeader) || !found[kHeader].is_object())
    fail(path,
         ": line 1 is not the header of a result file of quipu score, so it cannot be resumed; name another file");
  for (const auto &[key, value] : expected[kHeader].items()) {
    std::string was = found[kHeader].contains(key) ? found[kHeader][key].dump() : "missing";
    if (was == value.dump())
      continue;
    std::string what = key == "data"   ? "of other data, or of the same with another tokenizer, template or mask"
                       : key == "plan" ? "of another plan"
                                       : concat("of a run with another ", key);
    fail(path, ": cannot be resumed: its results are ", what, " (", key, " is ", was, ", now it is ", value.dump(),
         "); run it as before, or name another file");
  }
}

SampleResult ResultFile::sampleLine(const std::optional<ordered_json> &line, size_t number,
                                    std::span<const Sample> samples) const {
  constexpr const char *kAdvice = "the file was changed, so remove it and begin again";
  if (results.size() == samples.size())
    fail(path, ": line ", number, " does not belong there: all ", samples.size(), " samples have their results; ",
         kAdvice);
  const Sample &next = samples[results.size()];
  std::optional<SampleResult> result;
  if (line && !line->contains("total"))
    result = resultFromJson(*line, next);
  if (!result)
    fail(path, ": line ", number, " is not the result of sample ", next.index, ", which must follow; ", kAdvice);
  return std::move(*result);
}

size_t ResultFile::takeFound(const std::string &text, const ordered_json &header, std::span<const Sample> samples) {
  size_t kept = 0, number = 0;
  while (kept < text.size()) {
    size_t end = text.find('\n', kept);
    std::optional<ordered_json> line;
    if (end != std::string::npos)
      line = parseLine(std::string_view(text).substr(kept, end - kept));
    // The program was ended while it wrote.
    if (!line && (end == std::string::npos || end + 1 == text.size()))
      break;
    ++number;
    bool isTotal = line && line->contains("total");
    if (number == 1) {
      checkHeader(line.value_or(ordered_json()), header);
    } else if (isTotal && results.size() == samples.size() && end + 1 == text.size()) {
      finished = true;
    } else {
      results.push_back(sampleLine(line, number, samples));
    }
    kept = end + 1;
  }
  return kept;
}

void ResultFile::append(const ordered_json &line) {
  std::string text = jsonText(line, -1) + "\n";
  if (int error = writeAll(fd, text.data(), text.size()))
    fail(path, ": cannot write the results", errnoSuffix(error), "; what is written so far can be resumed");
}

ordered_json resultHeader(std::span<const Sample> samples, std::span<const uint8_t> planHash,
                          const std::string &weights, size_t pack, size_t batch) {
  HashStream hash;
  auto add = [&](uint64_t number) { hash.update(&number, sizeof(number)); };
  for (const Sample &sample : samples) {
    for (uint64_t number : {sample.index, sample.answer, sample.texts.size(), sample.choiceBytes.size()})
      add(number);
    for (size_t bytes : sample.choiceBytes)
      add(bytes);
    for (const ScoredText &text : sample.texts) {
      add(text.ids.size());
      for (size_t i = 0; i < text.ids.size(); ++i)
        add(uint64_t(text.ids[i]) * 2 + text.scored[i]);
    }
  }
  Hash128 plan;
  std::ranges::copy(planHash, plan.begin());
  return {{kHeader,
           {{"data", toHex(hash.finish())},
            {"plan", toHex(plan)},
            {"weights", weights},
            {"pack", pack},
            {"batch", batch}}}};
}

} // namespace quipu::tool
