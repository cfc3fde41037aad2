// Operations for libtensorflow's registry, by its C interface: what TensorFlow.js runs by name like its own.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

namespace nat {

class Status {
 public:
  Status() : status_(TF_NewStatus()) {}
  ~Status() { TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  operator TF_Status*() { return status_; }
  void check() const {
    if (TF_GetCode(status_) != TF_OK) throw std::runtime_error(TF_Message(status_));
  }

 private:
  TF_Status* status_;
};

/** A float tensor of the running operation. */
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(TF_Tensor* tensor) : tensor_(tensor) {}
  ~Tensor() {
    if (tensor_ != nullptr) TF_DeleteTensor(tensor_);
  }
  Tensor(Tensor&& other) noexcept : tensor_(other.tensor_) { other.tensor_ = nullptr; }
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;

  float* data() const { return static_cast<float*>(TF_TensorData(tensor_)); }
  int64_t dim(int axis) const { return TF_Dim(tensor_, axis); }
  int rank() const { return TF_NumDims(tensor_); }
  int64_t size() const { return TF_TensorElementCount(tensor_); }
  std::vector<int64_t> shape() const {
    std::vector<int64_t> dims(rank());
    for (int i = 0; i < rank(); i++) dims[i] = dim(i);
    return dims;
  }

 private:
  TF_Tensor* tensor_ = nullptr;
};

/** What an operation reads and writes. Throws; the operation then fails with that message. */
class Context {
 public:
  explicit Context(TF_OpKernelContext* context) : context_(context) {}
  int inputs() const { return TF_NumInputs(context_); }
  Tensor input(int index) const {
    Status status;
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, index, &tensor, status);
    status.check();
    return Tensor(tensor);
  }
  /** @throws std::runtime_error unless the input has this rank */
  Tensor input(int index, int rank) const {
    Tensor tensor = input(index);
    if (tensor.rank() != rank) throw std::runtime_error("input " + std::to_string(index) + " has rank " + std::to_string(tensor.rank()));
    return tensor;
  }
  Tensor output(int index, const std::vector<int64_t>& shape) const {
    size_t bytes = sizeof(float);
    for (const int64_t dim : shape) bytes *= static_cast<size_t>(dim);
    Status status;
    TF_Tensor* tensor = TF_AllocateOutput(context_, index, TF_FLOAT, shape.data(), static_cast<int>(shape.size()), bytes, status);
    status.check();
    return Tensor(tensor);
  }

 private:
  TF_OpKernelContext* context_;
};

/** The attributes of an operation, read once for each combination of their values. */
class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction* construction) : construction_(construction) {}
  int integer(const char* name) const {
    Status status;
    int64_t value = 0;
    TF_OpKernelConstruction_GetAttrInt64(construction_, name, &value, status);
    status.check();
    return static_cast<int>(value);
  }
  float real(const char* name) const {
    Status status;
    float value = 0;
    TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status);
    status.check();
    return value;
  }
  bool boolean(const char* name) const {
    Status status;
    TF_Bool value = 0;
    TF_OpKernelConstruction_GetAttrBool(construction_, name, &value, status);
    status.check();
    return value != 0;
  }

 private:
  TF_OpKernelConstruction* construction_;
};

struct Signature {
  const char* name;
  std::vector<const char*> attributes;
  std::vector<const char*> inputs;
  std::vector<const char*> outputs;
};

/**
 * Registers `Kernel` for the CPU: a class with a constructor from Attributes and `void run(Context&) const`. TensorFlow keeps one
 * for each combination of attribute values.
 */
template <typename Kernel>
void registerOperation(const Signature& signature) {
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(signature.name);
  for (const char* attribute : signature.attributes) TF_OpDefinitionBuilderAddAttr(definition, attribute);
  for (const char* input : signature.inputs) TF_OpDefinitionBuilderAddInput(definition, input);
  for (const char* output : signature.outputs) TF_OpDefinitionBuilderAddOutput(definition, output);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, [](TF_ShapeInferenceContext* context, TF_Status* status) {
    TF_ShapeInferenceContextSetUnknownShape(context, status);
  });
  Status status;
  TF_RegisterOpDefinition(definition, status);
  status.check();

  TF_KernelBuilder* builder = TF_NewKernelBuilder(
      signature.name, "CPU",
      [](TF_OpKernelConstruction* construction) -> void* {
        try {
          return new Kernel(Attributes(construction));
        } catch (const std::exception& error) {
          Status failure;
          TF_SetStatus(failure, TF_INVALID_ARGUMENT, error.what());
          TF_OpKernelConstruction_Failure(construction, failure);
          return nullptr;
        }
      },
      [](void* kernel, TF_OpKernelContext* raw) {
        try {
          Context context(raw);
          static_cast<const Kernel*>(kernel)->run(context);
        } catch (const std::exception& error) {
          Status failure;
          TF_SetStatus(failure, TF_INVALID_ARGUMENT, error.what());
          TF_OpKernelContext_Failure(raw, failure);
        }
      },
      [](void* kernel) { delete static_cast<Kernel*>(kernel); });
  TF_RegisterKernelBuilder(signature.name, builder, status);
  status.check();
}

}  // namespace nat
