// Vectors of floats, as wide as the processor's registers.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace nat {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#else
constexpr int kLanes = 8;
#endif

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t Mask __attribute__((vector_size(kLanes * sizeof(int32_t))));

inline Vector load(const float* from) {
  Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
inline void store(float* to, Vector v) { std::memcpy(to, &v, sizeof v); }

/** The first `count` lanes of a vector. */
class Lanes {
 public:
#if defined(__AVX512F__)
  explicit Lanes(int64_t count) : mask_(static_cast<__mmask16>(count >= kLanes ? 0xffff : (1 << count) - 1)) {}
  /** The lanes at `from`; the others are 0 and not read. */
  Vector load(const float* from) const { return reinterpret_cast<Vector>(_mm512_maskz_loadu_ps(mask_, from)); }
  void store(float* to, Vector v) const { _mm512_mask_storeu_ps(to, mask_, reinterpret_cast<__m512>(v)); }

 private:
  __mmask16 mask_;
#elif defined(__AVX__)
  explicit Lanes(int64_t count) {
    for (int lane = 0; lane < kLanes; lane++) mask_[lane] = lane < count ? -1 : 0;
  }
  Vector load(const float* from) const { return reinterpret_cast<Vector>(_mm256_maskload_ps(from, reinterpret_cast<__m256i>(mask_))); }
  void store(float* to, Vector v) const { _mm256_maskstore_ps(to, reinterpret_cast<__m256i>(mask_), reinterpret_cast<__m256>(v)); }

 private:
  Mask mask_;
#else
  explicit Lanes(int64_t count) : count_(count < kLanes ? count : kLanes) {}
  Vector load(const float* from) const {
    Vector v = {};
    std::memcpy(&v, from, static_cast<size_t>(count_) * sizeof(float));
    return v;
  }
  void store(float* to, Vector v) const { std::memcpy(to, &v, static_cast<size_t>(count_) * sizeof(float)); }

 private:
  int64_t count_;
#endif
};

inline Vector spread(float value) { return value - Vector{}; }
inline Vector maximum(Vector a, Vector b) { return a > b ? a : b; }
/** max(x, 0); 0 for NaN is avoided: NaN stays. */
inline Vector rectify(Vector x) { return x < Vector{} ? Vector{} : x; }

/** Calls body(offset, lanes) for the vectors of `size` floats; the last may have fewer lanes. `lanes` loads and stores. */
template <typename Body>
inline void eachVector(int64_t size, const Body& body) {
  struct Whole {
    Vector load(const float* from) const { return nat::load(from); }
    void store(float* to, Vector v) const { nat::store(to, v); }
  };
  int64_t at = 0;
  for (; at + kLanes <= size; at += kLanes) body(at, Whole{});
  if (at < size) body(at, Lanes(size - at));
}

inline void copy(float* to, const float* from, int64_t size) {
  eachVector(size, [&](int64_t at, auto lanes) { lanes.store(to + at, lanes.load(from + at)); });
}

inline void clear(float* to, int64_t size) {
  eachVector(size, [&](int64_t at, auto lanes) { lanes.store(to + at, Vector{}); });
}

}  // namespace nat
