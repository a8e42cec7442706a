// The known word that a mistyped one was meant to be. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

// How many letters to change, insert, drop, or swap with their neighbour.
std::size_t distance(std::string_view a, std::string_view b);

// The nearest of `known`, if it is near enough to be meant: at most a third of its letters differ, or one is the
// beginning of the other. "" where none is. The first of several equally near.
std::string nearest(std::string_view word, std::span<const std::string> known);

// "; did you mean 'run'?", or "" where nothing is near.
std::string did_you_mean(std::string_view word, std::span<const std::string> known);

}  // namespace assay::cli
