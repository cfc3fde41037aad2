// Loaded by Node as an addon, which registers the operations with the libtensorflow that is already in the process.
#include <node_api.h>

#include <exception>

namespace nat {
void registerConvolution();
void registerDepthwise();
void registerPooling();
void registerBatchNorm();
void registerMomentumSgd();
}  // namespace nat

NAPI_MODULE_INIT() {
  try {
    nat::registerConvolution();
    nat::registerDepthwise();
    nat::registerPooling();
    nat::registerBatchNorm();
    nat::registerMomentumSgd();
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return exports;
}
