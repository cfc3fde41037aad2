// Depthwise convolutions of NHWC images: one square kernel a channel, [size, size, channels, 1]. Vectors run over columns x channels
// together, so any number of channels fills them.
#include "operation.h"
#include "parallel.h"
#include "vector.h"
#include "windows.h"

namespace nat {
namespace {

/** Kernel position t as a run that repeats with the channels: long enough to read a vector from any channel on. */
struct Repeated {
  int64_t channels, pitch;
  std::vector<float> values;
  Repeated(const float* kernel, int64_t positions, int64_t channels, bool mirror) : channels(channels), pitch(channels + kLanes), values(static_cast<size_t>(positions * pitch)) {
    for (int64_t t = 0; t < positions; t++)
      for (int64_t k = 0; k < pitch; k++) values[static_cast<size_t>(t * pitch + k)] = kernel[(mirror ? positions - 1 - t : t) * channels + k % channels];
  }
};

/** One image: lines of results from a prepared image. `finish` gets every vector before it is stored. */
template <typename Finish>
void slide(const Windows& w, const float* prepared, const Repeated& kernel, float* y, const Finish& finish) {
  constexpr int kLines = 4;
  const int64_t run = w.run(), positions = w.kernelHeight * w.kernelWidth;
  for (int64_t line = 0; line < w.outHeight; line += kLines) {
    const int64_t lines = std::min<int64_t>(kLines, w.outHeight - line);
    const int64_t step = w.stride * w.pitch();
    eachVector(run, [&](int64_t at, auto lanes) {
      const float* taps = kernel.values.data() + at % w.channels;
      if (lines == kLines) {
        Vector s0 = {}, s1 = {}, s2 = {}, s3 = {};
        for (int64_t i = 0, t = 0; i < w.kernelHeight; i++)
          for (int64_t j = 0; j < w.kernelWidth; j++, t++) {
            const Vector k = load(taps + t * kernel.pitch);
            const float* from = prepared + w.at(line, i, j) + at;
            s0 += k * load(from);
            s1 += k * load(from + step);
            s2 += k * load(from + 2 * step);
            s3 += k * load(from + 3 * step);
          }
        float* to = y + line * run + at;
        lanes.store(to, finish(s0, line * run + at, lanes));
        lanes.store(to + run, finish(s1, (line + 1) * run + at, lanes));
        lanes.store(to + 2 * run, finish(s2, (line + 2) * run + at, lanes));
        lanes.store(to + 3 * run, finish(s3, (line + 3) * run + at, lanes));
        return;
      }
      for (int64_t r = 0; r < lines; r++) {
        Vector sum = {};
        for (int64_t t = 0; t < positions; t++)
          sum += load(taps + t * kernel.pitch) * load(prepared + w.at(line + r, t / w.kernelWidth, t % w.kernelWidth) + at);
        lanes.store(y + (line + r) * run + at, finish(sum, (line + r) * run + at, lanes));
      }
    });
  }
}

/** sums[t][run] += x under position t times dy, over all lines of an image. `dy` has lines of `pitch` floats, zero past the run. */
template <int kWidth>
void correlate(const Windows& w, const float* prepared, const float* dy, int64_t pitch, float* sums) {
  for (int64_t at = 0; at < w.run(); at += kLanes)
    for (int64_t i = 0; i < w.kernelHeight; i++) {
      Vector total[kWidth] = {};
      for (int64_t line = 0; line < w.outHeight; line++) {
        const Vector g = load(dy + line * pitch + at);
        for (int j = 0; j < kWidth; j++) total[j] += g * load(prepared + w.at(line, i, j) + at);
      }
      for (int j = 0; j < kWidth; j++) {
        float* to = sums + (i * kWidth + j) * pitch + at;
        store(to, load(to) + total[j]);
      }
    }
}

void correlate(const Windows& w, const float* prepared, const float* dy, int64_t pitch, float* sums) {
  switch (w.kernelWidth) {
    case 1: return correlate<1>(w, prepared, dy, pitch, sums);
    case 3: return correlate<3>(w, prepared, dy, pitch, sums);
    case 5: return correlate<5>(w, prepared, dy, pitch, sums);
    case 7: return correlate<7>(w, prepared, dy, pitch, sums);
    default: throw std::runtime_error("depthwise kernels are 1, 3, 5 or 7 wide");
  }
}

class Depthwise {
 public:
  explicit Depthwise(const Attributes& attributes)
      : stride_(attributes.integer("stride")),
        dilation_(attributes.integer("dilation")),
        padding_(attributes.integer("padding")),
        rectified_(attributes.boolean("rectified")) {
    if (stride_ < 1 || dilation_ < 1 || padding_ < 0) throw std::runtime_error("stride and dilation are positive, padding not negative");
  }

 protected:
  Windows windows(const Tensor& x, const Tensor& kernel) const {
    const int64_t size = kernel.dim(0), reach = dilation_ * (size - 1) + 1;
    if (size != kernel.dim(1) || kernel.dim(2) != x.dim(3) || kernel.dim(3) != 1 || (size != 1 && size != 3 && size != 5 && size != 7))
      throw std::runtime_error("a depthwise kernel is [size, size, channels, 1], of size 1, 3, 5 or 7");
    const auto out = [&](int64_t length) { return (length + 2 * padding_ - reach) / stride_ + 1; };
    if (x.dim(1) + 2 * padding_ < reach || x.dim(2) + 2 * padding_ < reach) throw std::runtime_error("the kernel is larger than the padded image");
    return {x.dim(1), x.dim(2), x.dim(3), out(x.dim(1)), out(x.dim(2)), size, size, stride_, dilation_, padding_};
  }
  bool rectified() const { return rectified_; }

 private:
  int64_t stride_, dilation_, padding_;
  bool rectified_;
};

struct DepthwiseForward : Depthwise {
  using Depthwise::Depthwise;
  void run(Context& context) const {
    const Tensor x = context.input(0, 4), kernel = context.input(1, 4);
    const Windows w = windows(x, kernel);
    const Tensor y = context.output(0, {x.dim(0), w.outHeight, w.outWidth, w.channels});
    const Repeated taps(kernel.data(), w.kernelHeight * w.kernelWidth, w.channels, false);
    parallelFor(x.dim(0), [&](int64_t image) {
      float* prepared = scratch(Slot::image, static_cast<size_t>(w.size()));
      prepare(w, x.data() + image * w.height * w.width * w.channels, rectified(), 0, prepared);
      slide(w, prepared, taps, y.data() + image * w.outHeight * w.run(), [](Vector v, int64_t, auto) { return v; });
    });
  }
};

/** Both gradients in one pass over the images; dkernel is summed over pieces of the batch, then over the pieces in their order. */
struct DepthwiseGradient : Depthwise {
  using Depthwise::Depthwise;
  void run(Context& context) const {
    const Tensor x = context.input(0, 4), kernel = context.input(1, 4), dy = context.input(2, 4);
    const Windows w = windows(x, kernel), m = mirrored(w);
    const Tensor dx = context.output(0, x.shape()), dkernel = context.output(1, kernel.shape());
    const int64_t positions = w.kernelHeight * w.kernelWidth, pitch = (w.run() + kLanes - 1) / kLanes * kLanes, imageSize = w.height * w.width * w.channels;
    const Repeated taps(kernel.data(), positions, w.channels, true);
    const Pieces pieces = cut(x.dim(0), 1, 16);
    std::vector<float> sums(static_cast<size_t>(pieces.count * positions * w.channels), 0.0F);
    parallelFor(pieces.count, [&](int64_t piece) {
      float* prepared = scratch(Slot::image, static_cast<size_t>(w.size()));
      float* spread = scratch(Slot::gradient, static_cast<size_t>(m.size()));
      float* lines = scratch(Slot::rows, static_cast<size_t>(w.outHeight * pitch));
      float* partial = scratch(Slot::partial, static_cast<size_t>(positions * pitch));
      std::fill(partial, partial + positions * pitch, 0.0F);
      for (int64_t image = pieces.begin(piece); image < pieces.end(piece); image++) {
        const float* source = x.data() + image * imageSize;
        const float* gradient = dy.data() + image * w.outHeight * w.run();
        prepareSpread(w, gradient, spread);
        slide(m, spread, taps, dx.data() + image * imageSize, [&](Vector v, int64_t at, auto lanes) {
          return rectified() ? (lanes.load(source + at) > Vector{} ? v : Vector{}) : v;
        });
        prepare(w, source, rectified(), 0, prepared);
        for (int64_t line = 0; line < w.outHeight; line++) {
          std::memcpy(lines + line * pitch, gradient + line * w.run(), static_cast<size_t>(w.run()) * sizeof(float));
          std::fill(lines + line * pitch + w.run(), lines + (line + 1) * pitch, 0.0F);
        }
        correlate(w, prepared, lines, pitch, partial);
      }
      for (int64_t t = 0; t < positions; t++)
        for (int64_t at = 0; at < w.run(); at++) sums[static_cast<size_t>((piece * positions + t) * w.channels + at % w.channels)] += partial[t * pitch + at];
    });
    addPieces(sums.data(), pieces.count, positions * w.channels, dkernel.data());
  }
};

}  // namespace

void registerDepthwise() {
  const std::vector<const char*> attributes = {"stride: int", "dilation: int", "padding: int", "rectified: bool"};
  registerOperation<DepthwiseForward>({"NatDepthwise", attributes, {"x: float", "kernel: float"}, {"y: float"}});
  registerOperation<DepthwiseGradient>({"NatDepthwiseGrad", attributes, {"x: float", "kernel: float", "dy: float"}, {"dx: float", "dkernel: float"}});
}

}  // namespace nat
