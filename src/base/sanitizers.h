// Which sanitizers this build has, for tests that need the address space, the forks or the time that these take.
#pragma once

namespace assay {

#if defined(__has_feature)
#define ASSAY_HAS_FEATURE(name) __has_feature(name)
#else
#define ASSAY_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || ASSAY_HAS_FEATURE(address_sanitizer)
inline constexpr bool address_sanitizer = true;
#else
inline constexpr bool address_sanitizer = false;
#endif

#if defined(__SANITIZE_THREAD__) || ASSAY_HAS_FEATURE(thread_sanitizer)
inline constexpr bool thread_sanitizer = true;
#else
inline constexpr bool thread_sanitizer = false;
#endif

#undef ASSAY_HAS_FEATURE

}  // namespace assay
