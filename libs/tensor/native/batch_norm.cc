// Batch normalisation over the rows of [rows, channels]: y = (x - mean) / sqrt(variance + epsilon) * weight + bias.
#include <cmath>

#include "operation.h"
#include "parallel.h"
#include "vector.h"

namespace nat {
namespace {

constexpr int64_t kBlock = 64;  // rows whose float sums lose nothing that matters; blocks are added up in double

/** [rows, channels] seen as [rows / n, n x channels] where that fills vectors: C = 20 takes 4 rows together, as 5 vectors of 16. */
struct Rows {
  int64_t rows, channels, repeats;
  Rows(int64_t size, int64_t channels) : rows(size / channels), channels(channels), repeats(1) {
    while (repeats < kLanes && repeats * channels % kLanes != 0 && rows % (2 * repeats) == 0) repeats *= 2;
    rows /= repeats;
  }
  int64_t width() const { return repeats * channels; }
  Pieces pieces() const { return cut(rows, 128, 32); }
  /** Values [channels], repeated to the width. */
  std::vector<float> widen(const float* values) const {
    std::vector<float> wide(static_cast<size_t>(width()));
    for (int64_t k = 0; k < width(); k++) wide[static_cast<size_t>(k)] = values[k % channels];
    return wide;
  }
};

/** body(begin, end) for blocks of a piece. */
template <typename Body>
void eachBlock(const Pieces& pieces, int64_t piece, const Body& body) {
  for (int64_t begin = pieces.begin(piece); begin < pieces.end(piece); begin += kBlock) body(begin, std::min(begin + kBlock, pieces.end(piece)));
}

/** Count, mean and summed squares around it, and how two become one (Chan, Golub and LeVeque 1979). */
struct Moments {
  double count = 0, mean = 0, squares = 0;
  void merge(const Moments& other) {
    const double delta = other.mean - mean, total = count + other.count;
    if (total == 0) return;
    mean += delta * other.count / total;
    squares += other.squares + delta * delta * count * other.count / total;
    count = total;
  }
};

/** Mean and variance a channel: of each block around its own mean, then merged. */
void statistics(const Rows& r, const float* x, float* mean, float* variance) {
  const Pieces pieces = r.pieces();
  const int64_t width = r.width();
  std::vector<Moments> moments(static_cast<size_t>(pieces.count * width));
  parallelFor(pieces.count, [&](int64_t piece) {
    Moments* all = moments.data() + piece * width;
    float* centre = scratch(Slot::partial, static_cast<size_t>(2 * width));
    float* square = centre + width;
    eachBlock(pieces, piece, [&](int64_t begin, int64_t end) {
      const float count = static_cast<float>(end - begin);
      eachVector(width, [&](int64_t at, auto lanes) {
        Vector sum = {};
        for (int64_t row = begin; row < end; row++) sum += lanes.load(x + row * width + at);
        const Vector middle = sum * (1.0F / count);
        Vector total = {};
        for (int64_t row = begin; row < end; row++) {
          const Vector d = lanes.load(x + row * width + at) - middle;
          total += d * d;
        }
        lanes.store(centre + at, middle);
        lanes.store(square + at, total);
      });
      for (int64_t k = 0; k < width; k++) all[k].merge({count, centre[k], square[k]});
    });
  });
  for (int64_t channel = 0; channel < r.channels; channel++) {
    Moments whole;
    for (int64_t k = channel; k < pieces.count * width; k += r.channels) whole.merge(moments[static_cast<size_t>(k)]);
    mean[channel] = static_cast<float>(whole.mean);
    variance[channel] = static_cast<float>(whole.squares / whole.count);
  }
}

/** Inputs 1 and 2 are weight and bias where `affine`, else not read. Outputs: y, mean, variance (of the population). */
class BatchNorm {
 public:
  explicit BatchNorm(const Attributes& attributes) : epsilon_(attributes.real("epsilon")), affine_(attributes.boolean("affine")) {}

 protected:
  static Rows rowsOf(const Tensor& x) {
    return {x.size(), x.dim(x.rank() - 1)};
  }
  float inverse(float variance) const { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(variance) + epsilon_)); }
  bool affine() const { return affine_; }

 private:
  double epsilon_;
  bool affine_;
};

struct BatchNormForward : BatchNorm {
  using BatchNorm::BatchNorm;
  void run(Context& context) const {
    const Tensor x = context.input(0), weight = context.input(1), bias = context.input(2);
    const Rows r = rowsOf(x);
    const int64_t c = r.channels, width = r.width();
    const Tensor y = context.output(0, x.shape()), mean = context.output(1, {c}), variance = context.output(2, {c});
    statistics(r, x.data(), mean.data(), variance.data());
    std::vector<float> scale(static_cast<size_t>(c)), zero(static_cast<size_t>(c), 0.0F);
    for (int64_t k = 0; k < c; k++) scale[static_cast<size_t>(k)] = inverse(variance.data()[k]) * (affine() ? weight.data()[k] : 1.0F);
    const std::vector<float> centres = r.widen(mean.data()), scales = r.widen(scale.data()), shifts = r.widen(affine() ? bias.data() : zero.data());
    const Pieces pieces = r.pieces();
    parallelFor(pieces.count, [&](int64_t piece) {
      for (int64_t row = pieces.begin(piece); row < pieces.end(piece); row++)
        eachVector(width, [&](int64_t at, auto lanes) {
          const Vector centred = lanes.load(x.data() + row * width + at) - lanes.load(centres.data() + at);
          lanes.store(y.data() + row * width + at, centred * lanes.load(scales.data() + at) + lanes.load(shifts.data() + at));
        });
    });
  }
};

/** dx = weight / deviation (dy - mean(dy) - (x - mean) / deviation^2 mean(dy (x - mean))) */
struct BatchNormGradient : BatchNorm {
  using BatchNorm::BatchNorm;
  void run(Context& context) const {
    const Tensor x = context.input(0), dy = context.input(1), mean = context.input(2), variance = context.input(3), weight = context.input(4);
    const Rows r = rowsOf(x);
    const int64_t c = r.channels, width = r.width();
    const Tensor dx = context.output(0, x.shape()), dweight = context.output(1, {c}), dbias = context.output(2, {c});
    const std::vector<float> centres = r.widen(mean.data());
    const Pieces pieces = r.pieces();
    std::vector<double> sums(static_cast<size_t>(2 * pieces.count * width), 0.0);  // [piece, (dy, dy (x - mean)), width]
    parallelFor(pieces.count, [&](int64_t piece) {
      double* sum = sums.data() + 2 * piece * width;
      float* part = scratch(Slot::partial, static_cast<size_t>(2 * width));
      eachBlock(pieces, piece, [&](int64_t begin, int64_t end) {
        eachVector(width, [&](int64_t at, auto lanes) {
          const Vector middle = lanes.load(centres.data() + at);
          Vector plain = {}, along = {};
          for (int64_t row = begin; row < end; row++) {
            const Vector g = lanes.load(dy.data() + row * width + at);
            plain += g;
            along += g * (lanes.load(x.data() + row * width + at) - middle);
          }
          lanes.store(part + at, plain);
          lanes.store(part + width + at, along);
        });
        for (int64_t k = 0; k < 2 * width; k++) sum[k] += part[k];
      });
    });
    std::vector<float> scale(static_cast<size_t>(c)), meanDy(static_cast<size_t>(c)), slope(static_cast<size_t>(c));
    const double rows = static_cast<double>(r.rows * r.repeats);
    for (int64_t channel = 0; channel < c; channel++) {
      double plain = 0, along = 0;
      for (int64_t piece = 0; piece < pieces.count; piece++)
        for (int64_t k = channel; k < width; k += c) {
          plain += sums[static_cast<size_t>(2 * piece * width + k)];
          along += sums[static_cast<size_t>((2 * piece + 1) * width + k)];
        }
      const float inv = inverse(variance.data()[channel]);
      dweight.data()[channel] = static_cast<float>(along * inv);
      dbias.data()[channel] = static_cast<float>(plain);
      scale[static_cast<size_t>(channel)] = inv * (affine() ? weight.data()[channel] : 1.0F);
      meanDy[static_cast<size_t>(channel)] = static_cast<float>(plain / rows);
      slope[static_cast<size_t>(channel)] = static_cast<float>(along / rows * inv * inv);
    }
    const std::vector<float> scales = r.widen(scale.data()), means = r.widen(meanDy.data()), slopes = r.widen(slope.data());
    parallelFor(pieces.count, [&](int64_t piece) {
      for (int64_t row = pieces.begin(piece); row < pieces.end(piece); row++)
        eachVector(width, [&](int64_t at, auto lanes) {
          const Vector centred = lanes.load(x.data() + row * width + at) - lanes.load(centres.data() + at);
          const Vector g = lanes.load(dy.data() + row * width + at) - lanes.load(means.data() + at) - centred * lanes.load(slopes.data() + at);
          lanes.store(dx.data() + row * width + at, g * lanes.load(scales.data() + at));
        });
    });
  }
};

}  // namespace

void registerBatchNorm() {
  const std::vector<const char*> attributes = {"epsilon: float", "affine: bool"};
  registerOperation<BatchNormForward>({"NatBatchNorm", attributes, {"x: float", "weight: float", "bias: float"}, {"y: float", "mean: float", "variance: float"}});
  registerOperation<BatchNormGradient>(
      {"NatBatchNormGrad", attributes, {"x: float", "dy: float", "mean: float", "variance: float", "weight: float"}, {"dx: float", "dweight: float", "dbias: float"}});
}

}  // namespace nat
