/* Weights alone, for evaluation, for other programs and as a start for another training. Python's safetensors
 * and PyTorch read the file; a sparse variable `w` is w.crow_indices, w.col_indices and w.values there, as of
 * torch.sparse_csr_tensor, and a mask is w.mask.crow_indices and w.mask.col_indices. */
#ifndef TL_WEIGHTS_H
#define TL_WEIGHTS_H

#include "variable.h"

/* A zeroed field means the default: everything has to fit. A variable whose kind differs from that in the
 * file is converted, as long as no value is lost:
 *
 *     file             variable   the variable then has
 *     sparse           sparse     the file's pattern and values
 *     masked           sparse     the file's mask as its pattern
 *     dense            sparse     its own pattern, with the file's values there
 *     sparse, masked   masked     the file's pattern or mask as its mask
 *     dense            masked     its own mask
 *     sparse           dense      0 off the file's pattern, and no mask
 *     masked           dense      the file's mask */
typedef struct tl_load_options {
    bool skip_missing;   /* a variable that is not in the file keeps its values */
    bool skip_left_over; /* what belongs to no variable is left out */
    bool skip_shape;     /* a variable of another shape keeps its values */
    bool keep_pattern;   /* variables keep their patterns and masks; entries that the file has not are 0 */
    bool drop;           /* values for which the variable has no place may differ from 0 */
    bool narrow;         /* F64 values are rounded to float; those that would be infinite are refused */
    double reserved1, reserved2, reserved3, reserved4; /* must be 0; see optimizer.h */
} tl_load_options;

enum { TL_LOAD_TEXT_SIZE = 2000 };

/* What a load did that is more than to copy values, counted and in words. */
typedef struct tl_load_report {
    int32_t loaded;                            /* variables */
    int32_t missing, left_over, shape_differs; /* skipped; left_over counts tensors */
    int32_t converted;                         /* variables of another kind in the file */
    int32_t new_patterns;                      /* variables whose pattern or mask is now the file's */
    int32_t kept_patterns;                     /* variables that kept another pattern than the file's */
    int32_t widened, narrowed;                 /* variables of another number type in the file */
    int64_t dropped;                           /* values that were not 0 and had no place .. */
    double dropped_norm;                       /* .. and the root of the sum of their squares */
    int64_t filled;                            /* entries of kept patterns that the file has not: 0 now */
    char text[TL_LOAD_TEXT_SIZE];              /* lines on variables not merely copied; "and 12 more" */
    double reserved[4];
} tl_load_report;

/* Writes n variables, whole or not at all, as tl_checkpoint_save does. While averages are swapped in, these
 * are what is written. TL_ERR_ARGUMENT for NULL, and for names that tl_checkpoint_save refuses, all of which
 * the text lists; TL_ERR_IO, TL_ERR_MEMORY. */
TL_API tl_status tl_weights_save(const char *path, tl_variable *const *vars, int32_t n);

/* Reads n variables by their names, or changes none of them, from a file of tl_weights_save or
 * tl_checkpoint_save, or from any safetensors file, in F16, BF16, F32 or F64. `o` and `report` may be NULL.
 * The report is filled in on success, otherwise zeroed. Checksums are verified where the file has them.
 * Optimizers and averages keep what they hold for the variables, moved with patterns and masks. Pointers to
 * data are no longer valid, and graphs must have been reset. TL_ERR_ARGUMENT if the file does not fit the
 * variables: the text lists the differences; also while averages are swapped in; otherwise as
 * tl_checkpoint_load. */
TL_API tl_status tl_weights_load(const char *path, tl_variable *const *vars, int32_t n,
                                 const tl_load_options *o, tl_load_report *report);

#endif
