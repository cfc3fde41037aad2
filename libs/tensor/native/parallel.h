// Work on the threads of the process. How work is cut depends on shapes alone, never on the number of threads, so that it does not
// change a single bit of a result.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace nat {

/** Threads of one operation: as many as libtensorflow's own operations use. */
inline int threads() {
  static const int count = [] {
    const char* value = std::getenv("TF_NUM_INTRAOP_THREADS");
    return value == nullptr ? 1 : std::max(1, std::atoi(value));
  }();
  return count;
}

/** Calls body(i) for i = 0 .. count-1, in any order, on all threads. The body must not throw. */
template <typename Body>
void parallelFor(int64_t count, const Body& body) {
  const int team = static_cast<int>(std::min<int64_t>(threads(), count));
  if (team <= 1) {
    for (int64_t i = 0; i < count; i++) body(i);
    return;
  }
#pragma omp parallel for num_threads(team) schedule(dynamic, 1)
  for (int64_t i = 0; i < count; i++) body(i);
}

/** Pieces of 0 .. size-1 of nearly equal length. */
struct Pieces {
  int64_t size;
  int64_t count;
  int64_t begin(int64_t piece) const { return size * piece / count; }
  int64_t end(int64_t piece) const { return size * (piece + 1) / count; }
};

/** At most `most` pieces of at least `least`. */
inline Pieces cut(int64_t size, int64_t least, int64_t most) { return {size, std::clamp<int64_t>(size / std::max<int64_t>(1, least), 1, most)}; }

/** to[k] = sum over pieces of from[piece][k], in the order of the pieces. */
inline void addPieces(const float* from, int64_t pieces, int64_t size, float* to) {
  for (int64_t k = 0; k < size; k++) {
    float sum = 0;
    for (int64_t piece = 0; piece < pieces; piece++) sum += from[piece * size + k];
    to[k] = sum;
  }
}

/** Floats that live as long as the thread; their content is left over from earlier use. One slot serves one purpose at a time. */
enum class Slot { packed, gradient, image, partial, rows, count };
inline float* scratch(Slot slot, size_t size) {
  struct Block {
    std::unique_ptr<float[]> data;
    size_t size = 0;
  };
  static thread_local Block blocks[static_cast<int>(Slot::count)];
  Block& block = blocks[static_cast<int>(slot)];
  if (block.size < size) {
    block.data.reset(new float[size]);
    block.size = size;
  }
  return block.data.get();
}

}  // namespace nat
