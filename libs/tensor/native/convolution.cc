// Convolutions of NHWC images with kernels [height, width, in, out], as products of small tiles: a tile of output pixels is gathered
// into rows of kernel height x width x in numbers (rectified on the way where asked) and multiplied with the kernel.
#include "matrix.h"
#include "operation.h"
#include "parallel.h"
#include "vector.h"

namespace nat {
namespace {

/** Floats of a gathered tile: it stays in the first two caches. */
constexpr int64_t kTileFloats = 16384;

struct Geometry {
  int64_t batch, height, width, in;  // image
  int64_t outHeight, outWidth, out;  // result
  int64_t kernelHeight, kernelWidth;
  int64_t strideY, strideX, top, left;
  int64_t pixels() const { return batch * outHeight * outWidth; }
  int64_t depth() const { return kernelHeight * kernelWidth * in; }
  bool isPointwise() const { return kernelHeight * kernelWidth == 1 && strideY == 1 && strideX == 1 && top == 0 && left == 0; }
};

int64_t tileRows(int64_t depth) { return std::clamp<int64_t>(kTileFloats / depth / kRows * kRows, kRows, 256); }

void copyRow(float* to, const float* from, int64_t count, bool rectified) {
  if (!rectified) {
    copy(to, from, count);
    return;
  }
  eachVector(count, [&](int64_t at, auto lanes) { lanes.store(to + at, rectify(lanes.load(from + at))); });
}

/** The pixels under the windows of outputs begin .. end-1: [end - begin, depth]. Zeros outside of the image. */
void gather(const Geometry& g, const float* x, int64_t begin, int64_t end, bool rectified, float* rows) {
  if (g.isPointwise()) {
    copyRow(rows, x + begin * g.in, (end - begin) * g.in, rectified);
    return;
  }
  for (int64_t pixel = begin; pixel < end; pixel++) {
    const int64_t column = pixel % g.outWidth, line = pixel / g.outWidth % g.outHeight, image = pixel / g.outWidth / g.outHeight;
    for (int64_t i = 0; i < g.kernelHeight; i++) {
      const int64_t y = line * g.strideY + i - g.top;
      for (int64_t j = 0; j < g.kernelWidth; j++, rows += g.in) {
        const int64_t at = column * g.strideX + j - g.left;
        if (y < 0 || y >= g.height || at < 0 || at >= g.width) clear(rows, g.in);
        else copyRow(rows, x + ((image * g.height + y) * g.width + at) * g.in, g.in, rectified);
      }
    }
  }
}

/** The result that a stride puts at this pixel, or -1. */
inline int64_t along(int64_t pixel, int64_t stride, int64_t count) {
  if (pixel < 0) return -1;
  if (stride == 1) return pixel < count ? pixel : -1;  // no division: it would cost more than the copy
  return pixel % stride == 0 && pixel / stride < count ? pixel / stride : -1;
}

/** The results that the pixels begin .. end-1 of the image went into, by kernel position: [end - begin, kernel height x width x out]. */
void gatherTransposed(const Geometry& g, const float* dy, int64_t begin, int64_t end, float* rows) {
  for (int64_t pixel = begin; pixel < end; pixel++) {
    const int64_t column = pixel % g.width, line = pixel / g.width % g.height, image = pixel / g.width / g.height;
    for (int64_t i = 0; i < g.kernelHeight; i++) {
      const int64_t y = line + g.top - i;
      for (int64_t j = 0; j < g.kernelWidth; j++, rows += g.out) {
        const int64_t at = column + g.left - j;
        const int64_t outY = along(y, g.strideY, g.outHeight), outX = along(at, g.strideX, g.outWidth);
        if (outY < 0 || outX < 0) clear(rows, g.out);
        else copy(rows, dy + ((image * g.outHeight + outY) * g.outWidth + outX) * g.out, g.out);
      }
    }
  }
}

void convolve(const Geometry& g, const float* x, const float* kernel, bool rectified, float* y) {
  const int64_t depth = g.depth(), rows = tileRows(depth);
  parallelFor((g.pixels() + rows - 1) / rows, [&](int64_t tile) {
    const int64_t begin = tile * rows, end = std::min(begin + rows, g.pixels());
    const float* left = x + begin * g.in;
    if (rectified || !g.isPointwise()) {
      float* gathered = scratch(Slot::packed, static_cast<size_t>(rows * depth));
      gather(g, x, begin, end, rectified, gathered);
      left = gathered;
    }
    multiply<false>(end - begin, depth, g.out, left, depth, 1, kernel, g.out, y + begin * g.out, g.out);
  });
}

/** dx = sum over windows of dy kernel^T, and 0 where a rectified x was not positive. */
void inputGradient(const Geometry& g, const float* x, const float* kernel, const float* dy, bool rectified, float* dx) {
  const int64_t positions = g.kernelHeight * g.kernelWidth, depth = positions * g.out, rows = tileRows(depth);
  std::vector<float> right(static_cast<size_t>(depth * g.in));  // [position, out, in]
  for (int64_t position = 0; position < positions; position++)
    for (int64_t in = 0; in < g.in; in++)
      for (int64_t out = 0; out < g.out; out++) right[static_cast<size_t>((position * g.out + out) * g.in + in)] = kernel[(position * g.in + in) * g.out + out];
  const int64_t pixels = g.batch * g.height * g.width;
  parallelFor((pixels + rows - 1) / rows, [&](int64_t tile) {
    const int64_t begin = tile * rows, end = std::min(begin + rows, pixels);
    const float* left = dy + begin * g.out;
    if (!g.isPointwise()) {
      float* gathered = scratch(Slot::packed, static_cast<size_t>(rows * depth));
      gatherTransposed(g, dy, begin, end, gathered);
      left = gathered;
    }
    float* to = dx + begin * g.in;
    multiply<false>(end - begin, depth, g.in, left, depth, 1, right.data(), g.in, to, g.in);
    if (!rectified) return;
    const float* at = x + begin * g.in;
    eachVector((end - begin) * g.in, [&](int64_t k, auto lanes) { lanes.store(to + k, lanes.load(at + k) > Vector{} ? lanes.load(to + k) : Vector{}); });
  });
}

/** dkernel = gathered^T dy, summed over pieces of the pixels and then over the pieces in their order. */
void kernelGradient(const Geometry& g, const float* x, const float* dy, bool rectified, float* dkernel) {
  const int64_t depth = g.depth(), rows = tileRows(depth), size = depth * g.out;
  const Pieces pieces = cut(g.pixels(), std::max<int64_t>(rows, depth), 16);
  std::vector<float> sums(static_cast<size_t>(pieces.count * size), 0.0F);
  parallelFor(pieces.count, [&](int64_t piece) {
    for (int64_t begin = pieces.begin(piece); begin < pieces.end(piece); begin += rows) {
      const int64_t end = std::min(begin + rows, pieces.end(piece));
      const float* left = x + begin * g.in;
      if (rectified || !g.isPointwise()) {
        float* gathered = scratch(Slot::packed, static_cast<size_t>(rows * depth));
        gather(g, x, begin, end, rectified, gathered);
        left = gathered;
      }
      multiply<true>(depth, end - begin, g.out, left, 1, depth, dy + begin * g.out, g.out, sums.data() + piece * size, g.out);
    }
  });
  addPieces(sums.data(), pieces.count, size, dkernel);
}

class Convolution {
 public:
  explicit Convolution(const Attributes& attributes)
      : strideY_(attributes.integer("stride_y")),
        strideX_(attributes.integer("stride_x")),
        top_(attributes.integer("top")),
        left_(attributes.integer("left")),
        outHeight_(attributes.integer("out_height")),
        outWidth_(attributes.integer("out_width")),
        rectified_(attributes.boolean("rectified")) {
    if (strideY_ < 1 || strideX_ < 1 || outHeight_ < 0 || outWidth_ < 0) throw std::runtime_error("strides are positive, sizes not negative");
  }

 protected:
  Geometry geometry(const Tensor& x, const Tensor& kernel) const {
    if (kernel.dim(2) != x.dim(3)) throw std::runtime_error("the kernel reads another number of channels than the image has");
    return {x.dim(0),      x.dim(1),      x.dim(2), x.dim(3), outHeight_, outWidth_, kernel.dim(3), kernel.dim(0), kernel.dim(1), strideY_, strideX_, top_, left_};
  }
  bool rectified() const { return rectified_; }

 private:
  int strideY_, strideX_, top_, left_, outHeight_, outWidth_;
  bool rectified_;
};

struct Forward : Convolution {
  using Convolution::Convolution;
  void run(Context& context) const {
    const Tensor x = context.input(0, 4), kernel = context.input(1, 4);
    const Geometry g = geometry(x, kernel);
    const Tensor y = context.output(0, {g.batch, g.outHeight, g.outWidth, g.out});
    convolve(g, x.data(), kernel.data(), rectified(), y.data());
  }
};

struct InputGradient : Convolution {
  using Convolution::Convolution;
  void run(Context& context) const {
    const Tensor x = context.input(0, 4), kernel = context.input(1, 4), dy = context.input(2, 4);
    const Tensor dx = context.output(0, x.shape());
    inputGradient(geometry(x, kernel), x.data(), kernel.data(), dy.data(), rectified(), dx.data());
  }
};

struct KernelGradient : Convolution {
  using Convolution::Convolution;
  void run(Context& context) const {
    const Tensor x = context.input(0, 4), kernel = context.input(1, 4), dy = context.input(2, 4);
    const Tensor dkernel = context.output(0, kernel.shape());
    kernelGradient(geometry(x, kernel), x.data(), dy.data(), rectified(), dkernel.data());
  }
};

}  // namespace

void registerConvolution() {
  const std::vector<const char*> attributes = {"stride_y: int", "stride_x: int", "top: int", "left: int", "out_height: int", "out_width: int", "rectified: bool"};
  registerOperation<Forward>({"NatConv", attributes, {"x: float", "kernel: float"}, {"y: float"}});
  registerOperation<InputGradient>({"NatConvInputGrad", attributes, {"x: float", "kernel: float", "dy: float"}, {"dx: float"}});
  registerOperation<KernelGradient>({"NatConvKernelGrad", attributes, {"x: float", "kernel: float", "dy: float"}, {"dkernel: float"}});
}

}  // namespace nat
