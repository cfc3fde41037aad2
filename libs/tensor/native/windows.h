// Images prepared for sliding windows: padded, rectified where asked, and with the columns of each stride phase side by side, so that
// a window position is one contiguous run of columns x channels for a whole line of outputs.
#pragma once

#include <algorithm>

#include "parallel.h"
#include "vector.h"

namespace nat {

/** Windows over one image with C channels. */
struct Windows {
  int64_t height, width, channels;  // image
  int64_t outHeight, outWidth;      // result
  int64_t kernelHeight, kernelWidth;
  int64_t stride, dilation, padding;

  /** Floats of a line of results. */
  int64_t run() const { return outWidth * channels; }
  int64_t lines() const { return (outHeight - 1) * stride + (kernelHeight - 1) * dilation + 1; }
  int64_t columns() const { return (outWidth - 1) * stride + (kernelWidth - 1) * dilation + 1; }
  /** Columns of a phase. */
  int64_t phase() const { return (columns() + stride - 1) / stride; }
  /** Floats of a prepared line, with room for a vector read past its end. */
  int64_t pitch() const { return stride * phase() * channels + kLanes; }
  int64_t size() const { return lines() * pitch(); }
  /** Where the run under kernel position (i, j) begins, for results of line `line`. */
  int64_t at(int64_t line, int64_t i, int64_t j) const {
    const int64_t column = j * dilation;
    return (line * stride + i * dilation) * pitch() + (column % stride * phase() + column / stride) * channels;
  }
};

/** The prepared image: `outside` where there is none. */
inline void prepare(const Windows& w, const float* x, bool rectified, float outside, float* to) {
  std::fill(to, to + w.size(), outside);
  const int64_t lines = w.lines(), columns = w.columns();
  for (int64_t line = 0; line < lines; line++) {
    const int64_t y = line - w.padding;
    if (y < 0 || y >= w.height) continue;
    const float* from = x + y * w.width * w.channels;
    float* row = to + line * w.pitch();
    if (w.stride == 1) {
      const int64_t first = std::max<int64_t>(0, w.padding), last = std::min(columns, w.width + w.padding);
      if (last <= first) continue;
      const float* source = from + (first - w.padding) * w.channels;
      float* target = row + first * w.channels;
      eachVector((last - first) * w.channels, [&](int64_t at, auto lanes) {
        const Vector v = lanes.load(source + at);
        lanes.store(target + at, rectified ? rectify(v) : v);
      });
      continue;
    }
    for (int64_t column = 0; column < columns; column++) {
      const int64_t at = column - w.padding;
      if (at < 0 || at >= w.width) continue;
      float* target = row + (column % w.stride * w.phase() + column / w.stride) * w.channels;
      const float* source = from + at * w.channels;
      eachVector(w.channels, [&](int64_t c, auto lanes) {
        const Vector v = lanes.load(source + c);
        lanes.store(target + c, rectified ? rectify(v) : v);
      });
    }
  }
}

/**
 * Windows of the gradient: stride 1 over results spread apart by the stride, with the kernel mirrored. Gives every pixel of the image.
 * `prepareSpread` fills them.
 */
inline Windows mirrored(const Windows& w) {
  return {w.height, w.width, w.channels, w.height, w.width, w.kernelHeight, w.kernelWidth, 1, w.dilation, w.dilation * (w.kernelHeight - 1) - w.padding};
}

/** Results [outHeight, outWidth, channels] of `w`, spread apart by its stride, in the layout of mirrored(w). Zeros elsewhere. */
inline void prepareSpread(const Windows& w, const float* dy, float* to) {
  const Windows m = mirrored(w);
  std::fill(to, to + m.size(), 0.0F);
  const int64_t top = m.padding, left = w.dilation * (w.kernelWidth - 1) - w.padding;
  for (int64_t line = 0; line < w.outHeight; line++) {
    const int64_t y = line * w.stride + top;
    if (y < 0 || y >= m.lines()) continue;
    const float* from = dy + line * w.run();
    float* row = to + y * m.pitch();
    if (w.stride == 1 && left >= 0 && left + w.outWidth <= m.columns()) {
      copy(row + left * w.channels, from, w.run());
      continue;
    }
    for (int64_t column = 0; column < w.outWidth; column++) {
      const int64_t x = column * w.stride + left;
      if (x < 0 || x >= m.columns()) continue;
      copy(row + x * w.channels, from + column * w.channels, w.channels);
    }
  }
}

}  // namespace nat
