/* tulle: reverse-mode autodiff in which a sparse weight matrix is a first-class trainable variable.
 * Authors of ops also include op.h. */
#ifndef TULLE_H
#define TULLE_H

#include "base.h"
#include "version.h"
#include "status.h"
#include "allocator.h"
#include "shape.h"
#include "random.h"
#include "parallel.h"
#include "isa.h"
#include "pattern.h"
#include "csv.h"
#include "idx.h"
#include "mtx.h"
#include "npy.h"
#include "npz.h"
#include "safetensors.h"
#include "svmlight.h"
#include "variable.h"
#include "init.h"
#include "graph.h"
#include "gradient.h"
#include "derivative.h"
#include "optimizer.h"
#include "schedule.h"
#include "ema.h"
#include "transform.h"
#include "topology.h"
#include "gradcheck.h"
#include "dump.h"
#include "log.h"
#include "checkpoint.h"
#include "weights.h"
#include "ops.h"

#endif
