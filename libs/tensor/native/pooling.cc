// Maxima and means over the windows of NHWC images. Padding never counts.
#include <limits>

#include "operation.h"
#include "parallel.h"
#include "vector.h"
#include "windows.h"

namespace nat {
namespace {

class Pool {
 public:
  explicit Pool(const Attributes& attributes)
      : size_(attributes.integer("size")), stride_(attributes.integer("stride")), padding_(attributes.integer("padding")), maximum_(attributes.boolean("maximum")) {
    if (size_ < 1 || stride_ < 1 || padding_ < 0 || 2 * padding_ > size_) throw std::runtime_error("size and stride are positive, padding at most half the size");
  }

 protected:
  Windows windows(const Tensor& x) const {
    const auto out = [&](int64_t length) { return (length + 2 * padding_ - size_) / stride_ + 1; };
    if (x.dim(1) + 2 * padding_ < size_ || x.dim(2) + 2 * padding_ < size_) throw std::runtime_error("the window is larger than the padded image");
    return {x.dim(1), x.dim(2), x.dim(3), out(x.dim(1)), out(x.dim(2)), size_, size_, stride_, 1, padding_};
  }
  bool maximum() const { return maximum_; }
  /** 1 / pixels of the window that are in the image, along one axis. */
  float share(int64_t at, int64_t length) const {
    const int64_t from = at * stride_ - padding_;
    return 1.0F / static_cast<float>(std::min(from + size_, length) - std::max<int64_t>(from, 0));
  }
  /** [outHeight, outWidth x channels] line by line: what a sum is multiplied with to be a mean. */
  std::vector<float> shares(const Windows& w) const {
    std::vector<float> values(static_cast<size_t>(w.outHeight * w.run()));
    for (int64_t line = 0; line < w.outHeight; line++)
      for (int64_t at = 0; at < w.run(); at++) values[static_cast<size_t>(line * w.run() + at)] = share(line, w.height) * share(at / w.channels, w.width);
    return values;
  }

 private:
  int64_t size_, stride_, padding_;
  bool maximum_;
};

template <typename Combine>
Vector overWindow(const Windows& w, const float* prepared, int64_t line, int64_t at, Vector first, const Combine& combine) {
  for (int64_t i = 0; i < w.kernelHeight; i++)
    for (int64_t j = 0; j < w.kernelWidth; j++) first = combine(first, load(prepared + w.at(line, i, j) + at));
  return first;
}

const float kLowest = -std::numeric_limits<float>::infinity();

struct PoolForward : Pool {
  using Pool::Pool;
  void run(Context& context) const {
    const Tensor x = context.input(0, 4);
    const Windows w = windows(x);
    const Tensor y = context.output(0, {x.dim(0), w.outHeight, w.outWidth, w.channels});
    const std::vector<float> scale = maximum() ? std::vector<float>() : shares(w);
    parallelFor(x.dim(0), [&](int64_t image) {
      float* prepared = scratch(Slot::image, static_cast<size_t>(w.size()));
      prepare(w, x.data() + image * w.height * w.width * w.channels, false, maximum() ? kLowest : 0, prepared);
      for (int64_t line = 0; line < w.outHeight; line++) {
        float* to = y.data() + (image * w.outHeight + line) * w.run();
        eachVector(w.run(), [&](int64_t at, auto lanes) {
          if (maximum()) {
            lanes.store(to + at, overWindow(w, prepared, line, at, spread(kLowest), [](Vector a, Vector b) { return nat::maximum(a, b); }));
          } else {
            const Vector sum = overWindow(w, prepared, line, at, Vector{}, [](Vector a, Vector b) { return a + b; });
            lanes.store(to + at, sum * lanes.load(scale.data() + line * w.run() + at));
          }
        });
      }
    });
  }
};

/** Of equal maxima the first in reading order gets the gradient. */
struct PoolGradient : Pool {
  using Pool::Pool;
  void run(Context& context) const {
    const Tensor x = context.input(0, 4), y = context.input(1, 4), dy = context.input(2, 4);
    const Windows w = windows(x);
    const Tensor dx = context.output(0, x.shape());
    if (maximum()) maxima(w, x, y, dy, dx);
    else means(w, dy, dx);
  }

 private:
  void maxima(const Windows& w, const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& dx) const {
    const int64_t imageSize = w.height * w.width * w.channels;
    parallelFor(x.dim(0), [&](int64_t image) {
      float* prepared = scratch(Slot::image, static_cast<size_t>(w.size()));
      float* gradient = scratch(Slot::gradient, static_cast<size_t>(w.size()));
      prepare(w, x.data() + image * imageSize, false, kLowest, prepared);
      std::fill(gradient, gradient + w.size(), 0.0F);
      for (int64_t line = 0; line < w.outHeight; line++) {
        const int64_t row = (image * w.outHeight + line) * w.run();
        eachVector(w.run(), [&](int64_t at, auto lanes) {
          const Vector top = lanes.load(y.data() + row + at);
          Vector rest = lanes.load(dy.data() + row + at);  // what no earlier position took
          for (int64_t i = 0; i < w.kernelHeight; i++)
            for (int64_t j = 0; j < w.kernelWidth; j++) {
              const int64_t from = w.at(line, i, j) + at;
              const auto isTop = load(prepared + from) == top;
              store(gradient + from, load(gradient + from) + (isTop ? rest : Vector{}));
              rest = isTop ? Vector{} : rest;
            }
        });
      }
      float* to = dx.data() + image * imageSize;
      for (int64_t line = 0; line < w.height; line++)
        for (int64_t column = 0; column < w.width; column++, to += w.channels) {
          const int64_t atLine = line + w.padding, atColumn = column + w.padding;
          if (atLine >= w.lines() || atColumn >= w.columns()) std::fill(to, to + w.channels, 0.0F);
          else
            std::memcpy(to, gradient + atLine * w.pitch() + (atColumn % w.stride * w.phase() + atColumn / w.stride) * w.channels,
                        static_cast<size_t>(w.channels) * sizeof(float));
        }
    });
  }

  void means(const Windows& w, const Tensor& dy, const Tensor& dx) const {
    const Windows m = mirrored(w);
    const std::vector<float> scale = shares(w);
    const int64_t outSize = w.outHeight * w.run();
    parallelFor(dy.dim(0), [&](int64_t image) {
      float* scaled = scratch(Slot::rows, static_cast<size_t>(outSize));
      const float* from = dy.data() + image * outSize;
      eachVector(outSize, [&](int64_t at, auto lanes) { lanes.store(scaled + at, lanes.load(from + at) * lanes.load(scale.data() + at)); });
      float* gradient = scratch(Slot::gradient, static_cast<size_t>(m.size()));
      prepareSpread(w, scaled, gradient);
      for (int64_t line = 0; line < w.height; line++) {
        float* to = dx.data() + (image * w.height + line) * m.run();
        eachVector(m.run(), [&](int64_t at, auto lanes) {
          lanes.store(to + at, overWindow(m, gradient, line, at, Vector{}, [](Vector a, Vector b) { return a + b; }));
        });
      }
    });
  }
};

}  // namespace

void registerPooling() {
  const std::vector<const char*> attributes = {"size: int", "stride: int", "padding: int", "maximum: bool"};
  registerOperation<PoolForward>({"NatPool", attributes, {"x: float"}, {"y: float"}});
  registerOperation<PoolGradient>({"NatPoolGrad", attributes, {"x: float", "y: float", "dy: float"}, {"dx: float"}});
}

}  // namespace nat
