// The tokens that may come next, on their way through the filters of the chain. While no filter has cut anything the
// pool stays dense (all logits, no sort); a filter that cuts makes it sparse: few candidates, most likely first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/backend.h"

namespace assay::schedule {

struct Candidate {
  Token id = -1;  // in a pool: index into its logits
  float logit = 0;
  float p = 0;  // share of the softmax over the candidates that are left; see Pool::candidates
};

// The k largest elements above -inf, largest first, equal ones by lowest index; p is 0. One pass with a rising
// threshold: about n comparisons for small k, O(n) in the worst order, never a sort of everything.
void select_top(std::span<const float> values, std::size_t k, std::vector<Candidate>& out);

// Invariants:
// 1. Order is by logit, then by lowest id: never by address, hash or arrival, so that a seed repeats.
// 2. At least one candidate is always left.
// 3. A token at -inf is never a candidate.
// Memory is kept between uses; one pool serves one token at a time.
class Pool {
 public:
  // Borrows (vocab) logits: no NaN, no +inf, at least one above -inf. They must live until the next reset.
  void reset(std::span<const float> logits);

  void top_k(std::size_t k);   // the k most likely
  void typical(float mass);    // Meister et al. 2023, "Locally Typical Sampling": nearest to the entropy until `mass`
  void top_p(float mass);      // Holtzman et al. 2020, nucleus: fewest tokens whose probability reaches `mass`
  void min_p(float share);     // Nguyen et al. 2024: probability at least share * that of the most likely
  void surprise(double bits);  // -log2 p <= bits: the cut of mirostat 2
  // "Exclude top choices": of all tokens with p >= threshold only the least likely stays, where there are two or more.
  void xtc(float threshold);
  void temperature(float t);  // > 0; divides all logits

  struct Drawn {
    Token id;
    double p;  // its probability in what was drawn from
  };
  Drawn draw(double u);  // u: uniform in [0, 1)

  Token most_likely() const;
  // What is left with probabilities, most likely first. Makes the pool sparse: a full sort where nothing was cut.
  std::span<const Candidate> candidates();

 private:
  void weigh();             // fills p of sparse candidates and total_
  double dense_total();     // sum of e^((x - max) * scale) over all tokens
  void keep_above(float);   // dense -> sparse: logits at or above the cut
  std::size_t live_size();  // tokens above -inf

  std::span<const float> dense_;
  bool is_dense_ = true;
  float max_ = 0;
  std::size_t max_index_ = 0;
  float scale_ = 1;  // 1 / temperature
  std::vector<Candidate> items_;
  std::vector<float> work_;  // keys of typical, or logits after xtc
  std::vector<double> partial_;
};

}  // namespace assay::schedule
