#include "host/cuda_ptx.h"

namespace assay::host {
namespace {

std::string number(unsigned value) { return std::to_string(value); }

// Both kernels begin alike: %rd1 from, %rd2 vectors, %rd4 this thread among all, %rd5 all threads.
constexpr std::string_view thread_index = R"(
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %ntid.x;
  mov.u32 %r3, %tid.x;
  mov.u32 %r4, %nctaid.x;
  mul.wide.u32 %rd4, %r1, %r2;
  cvt.u64.u32 %rd6, %r3;
  add.u64 %rd4, %rd4, %rd6;
  mul.wide.u32 %rd5, %r4, %r2;
)";

std::string fill() {
  std::string out = R"(
.visible .entry fill(.param .u64 from, .param .u64 vectors) {
  .reg .pred %p<2>;
  .reg .b32 %r<9>;
  .reg .b64 %rd<9>;
  ld.param.u64 %rd1, [from];
  ld.param.u64 %rd2, [vectors];
  cvta.to.global.u64 %rd1, %rd1;
)";
  out += thread_index;
  return out + R"(
next:
  setp.ge.u64 %p1, %rd4, %rd2;
  @%p1 bra done;
  shl.b64 %rd7, %rd4, 4;
  add.u64 %rd7, %rd1, %rd7;
  cvt.u32.u64 %r5, %rd4;
  shl.b32 %r5, %r5, 2;
  add.u32 %r6, %r5, 1;
  add.u32 %r7, %r5, 2;
  add.u32 %r8, %r5, 3;
  st.global.v4.u32 [%rd7], {%r5, %r6, %r7, %r8};
  add.u64 %rd4, %rd4, %rd5;
  bra next;
done:
  ret;
}
)";
}

// Four words of load i lie in registers 20 + 4 i and on; %r10..%r13 hold the sums, so that four chains run side by side.
std::string load(const CudaReadKernel& kernel, unsigned i, const std::string& address) {
  const unsigned first = 20 + 4 * i;
  return "  " + std::string(kernel.load) + ".v4.u32 {%r" + number(first) + ", %r" + number(first + 1) + ", %r" +
         number(first + 2) + ", %r" + number(first + 3) + "}, [" + address + "];\n";
}

std::string sum(unsigned i) {
  std::string out;
  for (unsigned word = 0; word < 4; ++word) {
    const std::string into = "%r" + number(10 + word);
    out += "  add.u32 " + into + ", " + into + ", %r" + number(20 + 4 * i + word) + ";\n";
  }
  return out;
}

std::string read(const CudaReadKernel& kernel) {
  std::string out = "\n.visible .entry " + std::string(kernel.name) +
                    "(.param .u64 from, .param .u64 vectors, .param .u64 sums) {\n"
                    "  .reg .pred %p<4>;\n"
                    "  .reg .b32 %r<" +
                    number(20 + 4 * kernel.loads) +
                    ">;\n"
                    "  .reg .b64 %rd<" +
                    number(12 + kernel.loads) + ">;\n";
  out += R"(  ld.param.u64 %rd1, [from];
  ld.param.u64 %rd2, [vectors];
  ld.param.u64 %rd3, [sums];
  cvta.to.global.u64 %rd1, %rd1;
  cvta.to.global.u64 %rd3, %rd3;
)";
  out += thread_index;
  // %rd8: address of this thread's vector; %rd9: bytes from one grid to the next; %rd10: vectors of all loads but the last,
  // by which the index must stay below the end; %rd11: the index meanwhile.
  out += R"(
  shl.b64 %rd8, %rd4, 4;
  add.u64 %rd8, %rd1, %rd8;
  shl.b64 %rd9, %rd5, 4;
  mul.lo.u64 %rd10, %rd5, )" +
         number(kernel.loads - 1) + R"(;
  mov.u64 %rd11, %rd4;
  mov.u32 %r10, 0;
  mov.u32 %r11, 0;
  mov.u32 %r12, 0;
  mov.u32 %r13, 0;
many:
  add.u64 %rd7, %rd11, %rd10;
  setp.ge.u64 %p1, %rd7, %rd2;
  @%p1 bra rest;
)";
  for (unsigned i = 0; i < kernel.loads; ++i) {  // all addresses, then all loads, so that they are under way together
    const std::string address = "%rd" + number(12 + i);
    out +=
        i == 0 ? "  mov.u64 " + address + ", %rd8;\n" : "  add.u64 " + address + ", %rd" + number(11 + i) + ", %rd9;\n";
  }
  for (unsigned i = 0; i < kernel.loads; ++i) out += load(kernel, i, "%rd" + number(12 + i));
  for (unsigned i = 0; i < kernel.loads; ++i) out += sum(i);
  out += "  add.u64 %rd8, %rd" + number(11 + kernel.loads) + ", %rd9;\n";
  out += "  mul.lo.u64 %rd7, %rd5, " + number(kernel.loads) + ";\n";
  out += R"(  add.u64 %rd11, %rd11, %rd7;
  bra many;
rest:
  setp.ge.u64 %p2, %rd11, %rd2;
  @%p2 bra summed;
)";
  out += load(kernel, 0, "%rd8") + sum(0);
  out += R"(  add.u64 %rd8, %rd8, %rd9;
  add.u64 %rd11, %rd11, %rd5;
  bra rest;
summed:
  add.u32 %r10, %r10, %r11;
  add.u32 %r12, %r12, %r13;
  add.u32 %r10, %r10, %r12;
)";
  for (const unsigned distance : {16U, 8U, 4U, 2U, 1U}) {
    out += "  shfl.sync.bfly.b32 %r11, %r10, " + number(distance) + ", 31, 0xffffffff;\n";
    out += "  add.u32 %r10, %r10, %r11;\n";
  }
  return out + R"(  and.b32 %r5, %r3, 31;
  setp.ne.u32 %p3, %r5, 0;
  @%p3 bra done;
  shr.u64 %rd4, %rd4, 5;
  shl.b64 %rd4, %rd4, 2;
  add.u64 %rd4, %rd3, %rd4;
  st.global.u32 [%rd4], %r10;
done:
  ret;
}
)";
}

}  // namespace

std::string cuda_read_module() {
  std::string out = ".version 7.0\n.target sm_70\n.address_size 64\n" + fill();
  for (const CudaReadKernel& kernel : cuda_read_kernels) out += read(kernel);
  return out;
}

}  // namespace assay::host
