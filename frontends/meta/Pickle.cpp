//===- Pickle.cpp - Reads the pickle of a state dict -------------------------------------===//
//
// Source of the instructions: Lib/pickletools.py of Python.
//
//===----------------------------------------------------------------------------------===//

#include "frontends/meta/Pickle.h"

#include "frontends/common/Json.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>

namespace quipu::frontend::meta {

/// Far more than a state dict of the largest model takes.
static constexpr size_t kMaxBytes = 16 << 20;
static constexpr size_t kMaxValues = 1 << 20;

static constexpr std::string_view kOrderedDict = "collections.OrderedDict";
static constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";
static constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";

/// All names that a pickle may have.
static constexpr std::string_view kGlobals[] = {
    kOrderedDict,          "torch.BFloat16Storage", "torch.BoolStorage", "torch.ByteStorage", "torch.CharStorage",
    "torch.DoubleStorage", "torch.FloatStorage",    "torch.HalfStorage", "torch.IntStorage",  "torch.LongStorage",
    "torch.ShortStorage",  kRebuildParameter,       kRebuildTensor};

/// Instructions that the machine knows.
enum Opcode : uint8_t {
  kMark = '(',
  kEmptyTuple = ')',
  kStop = '.',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersistentId = 'Q',
  kReduce = 'R',
  kBinUnicode = 'X',
  kEmptyList = ']',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kProtocol = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kTrue = 0x88,
  kFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95
};

namespace {
struct OpcodeName {
  uint8_t code;
  std::string_view name;
};
} // namespace

/// Of instructions that are refused, those that a file is most likely to have.
static constexpr OpcodeName kRefused[] = {
    {'i', "INST"},       {'o', "OBJ"},          {0x81, "NEWOBJ"}, {0x92, "NEWOBJ_EX"},     {'P', "PERSID"},
    {0x82, "EXT1"},      {0x83, "EXT2"},        {0x84, "EXT4"},   {'G', "BINFLOAT"},       {'2', "DUP"},
    {'U', "BINSTRING1"}, {'T', "BINSTRING"},    {'S', "STRING"},  {'C', "SHORT_BINBYTES"}, {'B', "BINBYTES"},
    {0x8b, "LONG4"},     {0x8d, "BINUNICODE8"}, {'0', "POP"},     {'1', "POP_MARK"},       {'V', "UNICODE"}};

std::string_view describe(PickleValue::Kind kind) {
  switch (kind) {
  case PickleValue::Kind::none:
    return "None";
  case PickleValue::Kind::boolean:
    return "a boolean";
  case PickleValue::Kind::integer:
    return "an integer";
  case PickleValue::Kind::text:
    return "a string";
  case PickleValue::Kind::global:
    return "a Python name";
  case PickleValue::Kind::tuple:
    return "a tuple";
  case PickleValue::Kind::list:
    return "a list";
  case PickleValue::Kind::dict:
    return "a dict";
  case PickleValue::Kind::storage:
    return "a storage";
  case PickleValue::Kind::tensor:
    return "a tensor";
  }
  return "";
}

namespace {

using Kind = PickleValue::Kind;

class Machine {
public:
  Machine(std::string_view bytes, const std::string &where) : bytes(bytes), where(where) {}

  Pickle run() {
    if (bytes.size() > kMaxBytes)
      bad("it is ", bytes.size(), " bytes long, more than the ", kMaxBytes, " of any state dict");
    while (!step(take()))
      ;
    pickle.root = pop();
    return std::move(pickle);
  }

private:
  template <typename... What> [[noreturn]] void bad(const What &...what) const {
    fail(where, ": ", what..., " (at byte ", at, "); the file is damaged or no state dict, get it again");
  }
  /// Refuses what is more than data.
  template <typename... What> [[noreturn]] void refuse(const What &...what) const {
    fail(
        where, ": ", what...,
        "; a state dict has no such thing. Do not use the file if you do not trust its source; if you do, load it with "
        "PyTorch and save its state_dict() alone");
  }

  uint8_t take() { return uint8_t(take(1)[0]); }
  std::string_view take(uint64_t count) {
    if (count > bytes.size() - at)
      bad("the pickle ends in the middle of an instruction");
    std::string_view part = bytes.substr(at, count);
    at += count;
    return part;
  }
  template <typename Number> Number number() {
    Number value;
    memcpy(&value, take(sizeof(value)).data(), sizeof(value));
    return value;
  }
  /// Up to the end of a line.
  std::string_view line() {
    size_t end = bytes.find('\n', at);
    if (end == std::string_view::npos)
      bad("the pickle ends in the middle of a name");
    std::string_view part = bytes.substr(at, end - at);
    at = end + 1;
    return part;
  }

  void push(PickleValue value) {
    if (pickle.values.size() == kMaxValues)
      bad("the pickle has more than ", kMaxValues, " values");
    stack.push_back(PickleId(pickle.values.size()));
    pickle.values.push_back(std::move(value));
  }
  void push(Kind kind, int64_t number = 0, std::string_view text = {}, std::vector<PickleId> items = {}) {
    push(PickleValue{kind, number, text, std::move(items)});
  }
  /// What lies above the last mark, or above the first.
  size_t depth() const { return stack.size() - (marks.empty() ? 0 : marks.back()); }
  PickleId pop() {
    if (depth() == 0)
      bad("an instruction takes a value from an empty stack");
    PickleId id = stack.back();
    stack.pop_back();
    return id;
  }
  std::vector<PickleId> pop(size_t count) {
    std::vector<PickleId> items(count);
    for (size_t i = count; i-- > 0;)
      items[i] = pop();
    return items;
  }
  /// Everything above the last mark, which goes too.
  std::vector<PickleId> popToMark() {
    if (marks.empty())
      bad("an instruction looks for a mark that is not there");
    std::vector<PickleId> items(stack.begin() + ptrdiff_t(marks.back()), stack.end());
    stack.resize(marks.back());
    marks.pop_back();
    return items;
  }
  PickleValue &top(Kind kind) {
    if (depth() == 0)
      bad("an instruction looks at an empty stack");
    PickleValue &value = pickle.values[stack.back()];
    if (value.kind != kind)
      bad("an instruction needs ", describe(kind), " and finds ", describe(value.kind));
    return value;
  }
  void append(Kind kind, std::vector<PickleId> items) {
    PickleValue &target = top(kind);
    if (kind == Kind::dict && items.size() % 2 != 0)
      bad("a dict gets a key without a value");
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  void remember(uint32_t place) {
    if (depth() == 0)
      bad("an instruction remembers a value of an empty stack");
    memo[place] = stack.back();
  }
  void recall(uint32_t place) {
    auto known = memo.find(place);
    if (known == memo.end())
      bad("value ", place, " is asked for, which was not remembered");
    stack.push_back(known->second);
  }

  void pushGlobal(std::string_view module, std::string_view name) {
    std::string full = concat(module, ".", name);
    const auto *known = std::ranges::find(kGlobals, std::string_view(full));
    if (known == std::end(kGlobals))
      refuse("it names ", shownText(full));
    push(Kind::global, 0, *known);
  }
  void pushLong(std::string_view little) {
    if (little.size() > 8)
      bad("an integer of ", little.size(), " bytes");
    // The sign is that of the last byte.
    int64_t value = !little.empty() && little.back() < 0 ? -1 : 0;
    for (size_t i = little.size(); i-- > 0;)
      value = int64_t(uint64_t(value) << 8 | uint8_t(little[i]));
    push(Kind::integer, value);
  }
  void pushStorage() {
    PickleId id = pop();
    if (pickle.values[id].kind != Kind::tuple)
      bad("a persistent id is ", describe(pickle.values[id].kind), ", not a tuple");
    push(Kind::storage, 0, {}, pickle.values[id].items);
  }
  void call() {
    PickleId arguments = pop(), function = pop();
    if (pickle.values[function].kind != Kind::global || pickle.values[arguments].kind != Kind::tuple)
      refuse("it calls ", describe(pickle.values[function].kind), " with ", describe(pickle.values[arguments].kind));
    std::string_view name = pickle.values[function].text;
    std::vector<PickleId> items = pickle.values[arguments].items;
    if (name == kOrderedDict && items.empty())
      return push(Kind::dict);
    if (name == kRebuildTensor)
      return push(Kind::tensor, 0, {}, std::move(items));
    if (name == kRebuildParameter && !items.empty() && pickle.values[items[0]].kind == Kind::tensor)
      return stack.push_back(items[0]);
    refuse("it calls ", name, " with ", items.size(), " arguments");
  }

  /// Runs one instruction. Returns whether it was the last.
  bool step(uint8_t code);
  bool stepOnStack(uint8_t code);

  std::string_view bytes;
  const std::string &where;
  size_t at = 0;
  Pickle pickle;
  std::vector<PickleId> stack;
  /// Sizes of the stack.
  std::vector<size_t> marks;
  std::map<uint32_t, PickleId> memo;
};

} // namespace

/// Instructions that push a value or read an argument behind them.
bool Machine::step(uint8_t code) {
  switch (code) {
  case kProtocol:
    if (uint8_t version = take(); version < 2 || version > 5)
      bad("the pickle has protocol ", int(version), "; 2 to 5 are known");
    return false;
  case kFrame:
    take(8);
    return false;
  case kNone:
    return push(Kind::none), false;
  case kTrue:
  case kFalse:
    return push(Kind::boolean, code == kTrue), false;
  case kBinInt:
    return push(Kind::integer, number<int32_t>()), false;
  case kBinInt1:
    return push(Kind::integer, take()), false;
  case kBinInt2:
    return push(Kind::integer, number<uint16_t>()), false;
  case kLong1:
    return pushLong(take(take())), false;
  case kBinUnicode:
    return push(Kind::text, 0, take(number<uint32_t>())), false;
  case kShortBinUnicode:
    return push(Kind::text, 0, take(take())), false;
  case kGlobal: {
    std::string_view module = line();
    return pushGlobal(module, line()), false;
  }
  case kBinPut:
    return remember(take()), false;
  case kLongBinPut:
    return remember(number<uint32_t>()), false;
  case kMemoize:
    return remember(uint32_t(memo.size())), false;
  case kBinGet:
    return recall(take()), false;
  case kLongBinGet:
    return recall(number<uint32_t>()), false;
  default:
    return stepOnStack(code);
  }
}

/// Instructions that work on what lies on the stack.
bool Machine::stepOnStack(uint8_t code) {
  switch (code) {
  case kMark:
    return marks.push_back(stack.size()), false;
  case kEmptyTuple:
    return push(Kind::tuple), false;
  case kEmptyList:
    return push(Kind::list), false;
  case kEmptyDict:
    return push(Kind::dict), false;
  case kTuple:
    return push(Kind::tuple, 0, {}, popToMark()), false;
  case kTuple1:
  case kTuple2:
  case kTuple3:
    return push(Kind::tuple, 0, {}, pop(size_t(code - kTuple1 + 1))), false;
  case kAppend:
    return append(Kind::list, pop(1)), false;
  case kAppends:
    return append(Kind::list, popToMark()), false;
  case kSetItem:
    return append(Kind::dict, pop(2)), false;
  case kSetItems:
    return append(Kind::dict, popToMark()), false;
  case kStackGlobal: {
    PickleId name = pop(), module = pop();
    if (pickle.values[name].kind != Kind::text || pickle.values[module].kind != Kind::text)
      bad("a Python name is no string");
    return pushGlobal(pickle.values[module].text, pickle.values[name].text), false;
  }
  case kBinPersistentId:
    return pushStorage(), false;
  case kReduce:
    return call(), false;
  case kBuild:
    // An OrderedDict's attributes: versions of PyTorch's modules.
    pop();
    return top(Kind::dict), false;
  case kStop:
    return true;
  default:
    break;
  }
  const auto *known = std::ranges::find(kRefused, code, &OpcodeName::code);
  static constexpr char kDigits[] = "0123456789abcdef";
  refuse("its instruction 0x", kDigits[code >> 4], kDigits[code & 15],
         known == std::end(kRefused) ? "" : concat(" (", known->name, ")"), " at byte ", at - 1, " is not known here");
}

Pickle readPickle(std::string_view bytes, const std::string &where) { return Machine(bytes, where).run(); }

} // namespace quipu::frontend::meta
