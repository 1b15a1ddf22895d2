//===- ScoreTest.cpp: probabilities of given tokens --------------------------------------===//

#include "runtime/core/Session.h"
#include "runtime/support/Hash.h"
#include "test/runtime/ToyPlan.h"
#include "test/runtime/ToyTokens.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>

using namespace quipu;
using namespace quipu::test;

namespace {

/// Three texts of different lengths, and targets that are missing, likely and unlikely.
struct Texts {
  std::vector<std::vector<int32_t>> tokens = {toyTokens(1, 13), toyTokens(2, 1), toyTokens(3, 29)};
  std::vector<std::vector<int32_t>> targets;
  size_t wanted = 0;

  Texts() {
    for (size_t i = 0; i < tokens.size(); ++i) {
      targets.push_back(toyTokens(int(i) + 7, tokens[i].size()));
      for (size_t t = 0; t < targets[i].size(); t += 3)
        targets[i][t] = i == 1 ? targets[i][t] : kNoTarget;
      for (int32_t target : targets[i])
        wanted += target != kNoTarget;
    }
  }

  std::vector<SequenceTargets> batch(Session &session) const {
    std::vector<SequenceTargets> parts;
    for (size_t i = 0; i < tokens.size(); ++i)
      parts.push_back({session.addSequence(), tokens[i], targets[i]});
    return parts;
  }
};

/// From the definition.
double logSoftmax(std::span<const float> logits, int32_t target) {
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(double(logit) - double(logits[0]));
  return double(logits[size_t(target)]) - double(logits[0]) - std::log(sum);
}

} // namespace

// Test: of a batch that takes one launch or many, each target gets the logarithm of its softmax, in order, and tokens
// without a target get nothing. (Logits of the toy model say of which launch they are, so they come from such steps.)
TEST(Score, IsTheSoftmaxOfTheLogits) {
  TempFolder folder;
  std::shared_ptr<const Model> model = Model::load(writeToyPlan(folder, toyPlan(folder)));
  Texts texts;
  for (uint32_t chunk : {0u, 1u, 2u, 5u, 12u, 100u}) {
    SCOPED_TRACE(chunk);
    Session session(model), reference(model);
    std::vector<std::pair<size_t, size_t>> places, expectedPlaces;
    std::vector<float> scores;
    session.score(
        texts.batch(session),
        [&](size_t sequence, size_t token, float score) {
          places.push_back({sequence, token});
          scores.push_back(score);
        },
        StepOptions{chunk});
    std::vector<SequenceTokens> parts;
    for (const SequenceTargets &each : texts.batch(reference))
      parts.push_back({each.sequence, each.tokens, LogitsMode::All});
    std::vector<double> expected;
    reference.step(
        parts,
        [&](size_t sequence, size_t token, std::span<const float> logits) {
          int32_t target = texts.targets[sequence][token];
          if (target == kNoTarget)
            return;
          expectedPlaces.push_back({sequence, token});
          expected.push_back(logSoftmax(logits, target));
        },
        StepOptions{chunk});
    EXPECT_EQ(places, expectedPlaces);
    ASSERT_EQ(scores.size(), texts.wanted);
    for (size_t i = 0; i < scores.size(); ++i)
      EXPECT_NEAR(scores[i], expected[i], 1e-5 * std::fabs(expected[i])) << "target " << i;
    for (size_t i = 0; i < parts.size(); ++i)
      EXPECT_EQ(session.length(parts[i].sequence), texts.tokens[i].size());
  }
}

TEST(Score, Refusals) {
  TempFolder folder;
  Session session(Model::load(writeToyPlan(folder, toyPlan(folder))));
  SequenceId sequence = session.addSequence();
  std::vector<int32_t> tokens = {1, 2, 3};
  auto refusal = [&](const std::vector<int32_t> &targets) {
    SequenceTargets part = {sequence, tokens, targets};
    return errorOf([&] { session.score({&part, 1}, [](size_t, size_t, float) { ADD_FAILURE(); }); });
  };
  EXPECT_NE(refusal({1, 2}).find("3 tokens have 2 targets; give one for each, or -1"), std::string::npos);
  EXPECT_NE(refusal({1, 32, 2}).find("target 1 of the input has id 32, the vocabulary has ids 0 to 31"),
            std::string::npos);
  EXPECT_NE(refusal({1, 3, -2}).find("target 2 of the input has id -2"), std::string::npos);
  EXPECT_EQ(session.length(sequence), 0u);
}

// Test: a logit that is no number is an error which says where.
TEST(Score, NoNumbers) {
  TempFolder folder;
  plan::PlanT plan = toyPlan(folder);
  std::vector<uint8_t> weights = readFile(folder.path("weights.safetensors"));
  // The embedding of token 5 becomes NaN (bf16).
  uint64_t header;
  memcpy(&header, weights.data(), sizeof(header));
  uint8_t *row = weights.data() + 8 + header + 5 * kToyHidden * 2;
  std::fill_n(row, kToyHidden * 2, uint8_t(0xff));
  writeFile(folder.path("weights.safetensors"), weights);
  Hash128 content = hashBytes(weights.data(), weights.size());
  plan.files[0]->content_hash.assign(content.begin(), content.end());
  Session session(Model::load(writeToyPlan(folder, plan)));
  std::vector<int32_t> tokens = {1, 2}, targets = {3, 4};
  SequenceTargets part = {session.addSequence(), tokens, targets};
  std::string message = errorOf([&] { session.score({&part, 1}, [](size_t, size_t, float) {}); });
  EXPECT_NE(message.find("the logits at position 0 are no numbers to choose from"), std::string::npos) << message;
}

// Test: programs that give probabilities run where there are some, with the targets of their rows; in one launch or
// many, and padded where too few rows are left. Other steps run the other programs.
TEST(Score, OnTheDevice) {
  TempFolder folder;
  plan::PlanT plan = toyPlan(folder);
  addScorePrograms(plan);
  for (bool prefillAlone : {false, true}) {
    if (prefillAlone)
      plan.programs.erase(plan.programs.begin() + 2);
    std::shared_ptr<const Model> model = Model::load(writeToyPlan(folder, plan));
    Texts texts;
    for (std::vector<int32_t> &targets : texts.targets)
      std::replace(targets.begin(), targets.end(), kToyBadTarget, 3);
    for (uint32_t chunk : {0u, 1u, 5u}) {
      SCOPED_TRACE(testing::Message() << "chunk " << chunk << (prefillAlone ? ", without decode" : ""));
      Session session(model);
      std::vector<SequenceTargets> batch = texts.batch(session);
      // Positions of the second sequence begin behind what it has.
      std::vector<int32_t> before = {1, 2, 3};
      LogitsRows rows = session.prefill(batch[1].sequence, before);
      EXPECT_EQ(rows.row(0)[kToyPositionColumn], 2);
      std::vector<std::tuple<size_t, size_t, float>> found, expected;
      session.score(
          batch, [&](size_t sequence, size_t token, float score) { found.push_back({sequence, token, score}); },
          StepOptions{chunk});
      for (size_t i = 0; i < batch.size(); ++i)
        for (size_t t = 0; t < batch[i].tokens.size(); ++t)
          if (int32_t target = texts.targets[i][t]; target != kNoTarget)
            expected.push_back({i, t, toyScore(int32_t(t) + (i == 1 ? 3 : 0), target)});
      EXPECT_EQ(found, expected);
      EXPECT_EQ(session.length(batch[1].sequence), before.size() + texts.tokens[1].size());
      // What the cache has then is what other steps see.
      std::vector<int32_t> all = texts.tokens[0];
      all.push_back(7);
      std::vector<float> reference = toyReference(toyWeights(), all);
      std::span<const float> logits = session.decode(batch[0].sequence, 7);
      for (size_t v = 0; v < size_t(kToyRowsColumn); ++v)
        EXPECT_NEAR(logits[v], reference[(all.size() - 1) * size_t(kToyVocab) + v], 1e-4f * (1 + std::fabs(logits[v])));
    }
  }
}

// Test: a probability that is no number is an error which says where.
TEST(Score, NoNumbersOnTheDevice) {
  TempFolder folder;
  plan::PlanT plan = toyPlan(folder);
  addScorePrograms(plan);
  Session session(Model::load(writeToyPlan(folder, plan)));
  std::vector<int32_t> tokens = {1, 2, 3}, good = {3, 4, 5}, bad = {3, kToyBadTarget, 5};
  SequenceTargets parts[] = {{session.addSequence(), tokens, good}, {session.addSequence(), tokens, bad}};
  std::string message = errorOf([&] { session.score(parts, [](size_t, size_t, float) {}); });
  EXPECT_NE(message.find("the log-probability behind position 1 of sequence 1 is NaN"), std::string::npos) << message;
  EXPECT_NE(message.find("--dtype f32"), std::string::npos) << message;
}
