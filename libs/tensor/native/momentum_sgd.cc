// One step of SGD with momentum for all parameters at once: v <- momentum v + clip g + decay p;  p <- p - rate v.
#include <cmath>

#include "operation.h"
#include "parallel.h"
#include "vector.h"

namespace nat {
namespace {

/**
 * Inputs: settings [4] (momentum, decay, rate, clip norm; 0: none), then n parameters, n velocities, n gradients. Outputs: n parameters, n velocities.
 * Clipping as torch.nn.utils.clip_grad_norm_: min(1, clip / (norm + 1e-6)), norm over all gradients.
 */
struct MomentumStep {
  explicit MomentumStep(const Attributes&) {}
  void run(Context& context) const {
    const int n = (context.inputs() - 1) / 3;
    const Tensor settings = context.input(0);
    const float momentum = settings.data()[0], decay = settings.data()[1], rate = settings.data()[2], clip = settings.data()[3];
    double square = 0;
    if (clip > 0)
      for (int i = 0; i < n; i++) {
        const Tensor gradient = context.input(1 + 2 * n + i);
        for (int64_t k = 0; k < gradient.size(); k++) square += static_cast<double>(gradient.data()[k]) * gradient.data()[k];
      }
    const float scale = clip > 0 ? std::min(1.0F, clip / (static_cast<float>(std::sqrt(square)) + 1e-6F)) : 1.0F;
    for (int i = 0; i < n; i++) {
      const Tensor parameter = context.input(1 + i), velocity = context.input(1 + n + i), gradient = context.input(1 + 2 * n + i);
      const Tensor p = context.output(i, parameter.shape()), v = context.output(n + i, parameter.shape());
      eachVector(parameter.size(), [&](int64_t at, auto lanes) {
        const Vector old = lanes.load(parameter.data() + at);
        const Vector moved = momentum * lanes.load(velocity.data() + at) + decay * old + scale * lanes.load(gradient.data() + at);
        lanes.store(v.data() + at, moved);
        lanes.store(p.data() + at, old - rate * moved);
      });
    }
  }
};

}  // namespace

void registerMomentumSgd() {
  registerOperation<MomentumStep>({"NatMomentumStep",
                                   {"N: int >= 1"},
                                   {"settings: float", "parameters: N * float", "velocities: N * float", "gradients: N * float"},
                                   {"new_parameters: N * float", "new_velocities: N * float"}});
}

}  // namespace nat
