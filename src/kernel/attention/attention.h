// Causal attention of a few tokens of one sequence over its paged keys and values, for one kv head and the group of query
// heads that share it. Keys and values are read once per task, whatever the group.
//
// For query row r (token, head) and the positions p that its token sees:
//   s_p = scale * q_r . k_p        out_r = sum_p e^(s_p - max s) v_p / sum_p e^(s_p - max s)
//
// One order of operations, whatever the number of tokens, tasks or threads: q is scaled first, a score is one chain of
// multiply-adds over the dimensions, each output element one chain over the positions of a chunk of 256 (aligned to
// position 0), and chunks are folded in rising order. So a token's result has the same bits in a task of one token and
// in one of many, and when chunks are computed by different threads. avx2 and avx512 agree bit for bit (both fuse the
// multiply-adds); portable rounds products too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/attention/kv_layout.h"
#include "kernel/isa.h"

namespace assay::kernel {

struct AttentionTask {
  KvPages kv;  // positions up to that of the last token are stored
  const float* queries =
      nullptr;                   // token t, head h of the group, (head_dim): queries + t * query_stride + h * head_dim
  std::size_t query_stride = 0;  // floats
  std::uint32_t tokens = 0;      // at least 1; 16 to 64 read each key often enough to be bound by arithmetic
  std::uint32_t group = 0;       // query heads per kv head
  std::uint32_t position = 0;    // of token 0; token t stands at position + t and sees itself and what is before
  std::uint32_t window = 0;      // 0: sees everything; otherwise only the last `window` positions, itself included
  float scale = 0;

  std::size_t rows() const { return std::size_t{tokens} * group; }
};

// Floats of scratch that a call needs; the contents need not be kept between calls.
std::size_t attention_scratch(const AttentionTask& task);

// out: token t, head h at out + t * out_stride + h * head_dim; overlaps nothing that is read.
void attention(Isa isa, const AttentionTask& task, float* out, std::size_t out_stride, std::span<float> scratch);

// The same in two steps, so that the chunks of a long context can go to several threads.
inline constexpr std::uint32_t attention_chunk = 256;  // positions; a multiple of kv_page_positions

struct ChunkRange {
  std::uint32_t first, end;
  std::uint32_t count() const { return end - first; }
};
ChunkRange attention_chunks(const AttentionTask& task);  // chunks that at least one token sees

// Floats that one chunk's partial result takes: rows * (head_dim + 2).
std::size_t attention_partial_size(const AttentionTask& task);

// Partial result of one chunk: weighted values, greatest score and sum of exponentials of each row.
void attention_partial(Isa isa, const AttentionTask& task, std::uint32_t chunk, std::span<float> partial,
                       std::span<float> scratch);

// Folds the partials of all chunks, in order, in place: (chunks.count(), attention_partial_size).
void attention_combine(Isa isa, const AttentionTask& task, std::span<float> partials, float* out,
                       std::size_t out_stride);

namespace reference {
// The formula above in double over the stored keys and values; out (tokens, group, head_dim).
void attention(const AttentionTask& task, std::span<double> out);
}  // namespace reference

}  // namespace assay::kernel
