// The protocol between this program (the host) and a worker: frames over a stream socket, little-endian.
//
// A frame is a header of 16 bytes and a body:
//
//   offset  size  field
//   0       4     magic "ASSY"
//   4       2     protocol version; the first six bytes never change their meaning
//   6       2     kind
//   8       4     call: the host counts its requests from 1; an answer repeats the number of its request; hello has 0
//   12      4     length of the body in bytes, at most what the kind allows
//
//   kind            sent by  body
//   1  hello        worker   three texts (u16 length, bytes): engine <= 256, its version <= 256, its build <= 1024
//   2  load         host     JSON of LoadSettings, <= 64 KiB
//   3  progress     worker   f64 share of the loading that is done, 0..1
//   4  loaded       worker   JSON {"facts": BackendFacts, "memory": MemoryUse}, <= 1 MiB
//   5  forward      host     u32 count (1..65536), u32 rows of embeddings, u32 turns (0 or 1), u32 zero; per slot: u32 seq,
//                            u32 pos, i32 token, u8 want (0 nothing, 1 logits, 2 hidden), u8 source (0 token, 1 a row of
//                            embeddings), u16 zero; with turns per slot 3 * u32: time, height, width
//   6  done         worker   u32 rows of logits, u32 rows of hidden states, i64 nanoseconds inside the engine
//   7  forget       host     u32 seq, u32 from, u32 to
//   8  share        host     u32 from, u32 to, u32 upto
//   9  memory       host     nothing
//   10 memory_use   worker   u64 weights, u64 kv, u64 scratch, in bytes
//   11 error        worker   u16 code (Errc), u64 at, text of the rest, <= 4096
//   12 close        host     nothing; the worker ends, as it does when the stream ends
//   13 decode       host     u32 count (1..4096), u32 steps (1..4096); per draw: u32 seq, u32 pos, i32 token, f32
//                            temperature, u32 top_k, f32 top_p, f32 min_p, u32 stop tokens (<= 64), u64 seed, u64 counter,
//                            i32 for each stop token
//   14 drawn        worker   u32 steps that were computed, u32 zero, i64 nanoseconds inside the engine; i32 tokens,
//                            (count, steps asked for), -1 where a sequence had ended
//
// The worker says hello unasked; then the host asks, one request at a time, and may do other work before it reads the
// answer: load (answered by any number of progress and one loaded), forward, forget and share (done), memory
// (memory_use), decode (drawn); error answers any of them. Nothing is sent in between.
// From the start of the shared memory: the host puts rows of embeddings there before it sends forward, (rows,
// facts.embedding) f32, which the worker has copied before it writes; the worker puts rows of logits, (rows, vocab) f32,
// and behind them rows of hidden states, (rows, facts.hidden) f32, each in the order of the slots that asked. Texts are
// plain_text.h's. Descriptors of the worker: 3 the socket, 4 the shared memory.
//
// Example, "compute token 7 at position 0 of sequence 0, with logits", as the third request:
//   41 53 53 59  02 00  05 00  03 00 00 00  20 00 00 00      header: version 2, forward, call 3, 32 bytes
//   01 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00       one slot, no embeddings, no turns
//   00 00 00 00  00 00 00 00  07 00 00 00  01  00  00 00     seq 0, pos 0, token 7, wants logits, a token
// and its answer after 1.5 ms of the engine's time:
//   41 53 53 59  02 00  06 00  03 00 00 00  10 00 00 00
//   01 00 00 00  00 00 00 00  60 e3 16 00 00 00 00 00        one row of logits, none hidden, 1,500,000 ns
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "engine/backend.h"

namespace assay::adapter::wire {

inline constexpr std::uint16_t protocol_version = 2;
inline constexpr std::size_t header_bytes = 16;

inline constexpr std::size_t name_bytes_max = 256;
inline constexpr std::size_t build_bytes_max = 1024;
inline constexpr std::size_t settings_bytes_max = 64 << 10;  // a path and a dozen numbers
inline constexpr std::size_t facts_bytes_max = 1 << 20;      // a note per tensor
inline constexpr std::size_t slots_max = 65536;
inline constexpr std::size_t detail_bytes_max = 4096;
inline constexpr std::size_t draws_max = 4096;
inline constexpr std::size_t steps_max = 4096;
inline constexpr std::size_t stops_max = 64;
inline constexpr std::size_t drawn_max = 1 << 20;  // tokens of one answer

inline constexpr int worker_socket = 3;
inline constexpr int worker_memory = 4;
inline constexpr const char* worker_flag = "--serve-assay";  // the worker program's one argument

struct Hello {
  std::string engine;
  std::string version;
  std::string build;
};
struct Load {
  std::string settings;
};
struct Loading {
  double share = 0;
};
struct Loaded {
  std::string facts;
};
struct Forward {
  std::vector<Slot> slots;
  std::uint32_t embeddings = 0;  // rows in the shared memory
  std::vector<Turn3> turns{};    // (slots) or none
};
struct Done {
  std::uint32_t logits = 0;    // rows
  std::uint32_t hidden = 0;    // rows
  std::int64_t engine_ns = 0;  // not negative
};
struct Forget {
  SeqId seq = 0;
  Position from = 0;
  Position to = 0;
};
struct Share {
  SeqId from = 0;
  SeqId to = 0;
  Position upto = 0;
};
struct AskMemory {};
struct TellMemory {
  MemoryUse use;
};
struct Failed {
  Error error;
};
struct Close {};
struct Decode {
  struct Order {
    Draw draw;  // without its stop tokens
    std::vector<Token> stop{};
  };
  std::vector<Order> orders;
  std::uint32_t steps = 0;
};
struct TellDrawn {
  std::uint32_t steps = 0;
  std::int64_t engine_ns = 0;  // not negative
  std::vector<Drawn> drawn{};  // (draws, steps asked for)
};

// Kind on the wire = index + 1.
using Message = std::variant<Hello, Load, Loading, Loaded, Forward, Done, Forget, Share, AskMemory, TellMemory, Failed,
                             Close, Decode, TellDrawn>;

// "forward"; for errors.
const char* name(const Message& message);

// Appends one frame. The message is within its bounds and its texts are plain: ours to keep.
void append(std::vector<std::byte>& out, std::uint32_t call, const Message& message);

enum class Sender : bool { host, worker };

struct Frame {
  std::uint32_t call = 0;
  Message message;
  std::size_t bytes = 0;  // that it took
};

// The frame at the front of `bytes`; nothing while it is incomplete. A header is judged as soon as it is there, so that
// no more than one frame of the kind's bound is ever waited for. Errc::unsupported: another protocol version;
// Errc::bad_value: anything else that `sender` may not send, with the offset. Allocates no more than it has read.
Result<std::optional<Frame>> read(std::span<const std::byte> bytes, Sender sender);

}  // namespace assay::adapter::wire
