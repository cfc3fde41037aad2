// Stands in for a header that tensorflow/c/kernels.h includes and that nothing here uses; it would pull in half of TensorFlow's sources.
#pragma once
typedef struct TF_RendezvousThunk TF_RendezvousThunk;
