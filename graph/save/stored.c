/* Variables in files. The three tensors of a sparse one are those of torch.sparse_csr_tensor. */
#include "graph/save/stored.h"
#include "lib/io/number.h"
#include "lib/io/safetensors_private.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Files ---- */

tl_status tl_load_open(tl_load *l, const char *who, const char *path)
{
    *l = (tl_load){ .who = who, .path = path };
    const tl_status status = tl_safetensors_open_as(who, path, &l->file);
    if (status != TL_OK)
        return status;
    l->tensor_used = tl_alloc_zero(l->file.n, sizeof *l->tensor_used);
    l->note_used = tl_alloc_zero(l->file.n_notes, sizeof *l->note_used);
    if (l->tensor_used && l->note_used)
        return TL_OK;
    tl_load_close(l);
    return tl_fail_memory();
}

void tl_load_close(tl_load *l)
{
    tl_safetensors_free(&l->file);
    tl_free(l->tensor_used);
    tl_free(l->note_used);
    tl_arena_free(&l->arena);
}

int32_t tl_load_find(tl_load *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *name = tl_arena_vtext(&l->arena, format, args);
    va_end(args);
    l->failed |= !name;
    const int32_t k = tl_safetensors_find(&l->file, name);
    if (k >= 0)
        l->tensor_used[k] = true;
    return k;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const tl_safetensors_note *)a)->key, ((const tl_safetensors_note *)b)->key);
}

/* As tl_safetensors_note_of: keys ascend. */
const char *tl_load_note(tl_load *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const tl_safetensors_note wanted = { .key = tl_arena_vtext(&l->arena, format, args) };
    va_end(args);
    l->failed |= !wanted.key;
    if (!wanted.key || l->file.n_notes == 0)
        return NULL;
    const tl_safetensors_note *found = bsearch(&wanted, l->file.note, (size_t)l->file.n_notes, sizeof wanted,
                                               by_key);
    if (!found)
        return NULL;
    l->note_used[found - l->file.note] = true;
    return found->value;
}

bool tl_to_integer(const char *note, int64_t *x)
{
    return note && tl_parse_integer(&note, x) == TL_PARSED && *note == '\0';
}

bool tl_to_unsigned(const char *note, uint64_t *x)
{
    char *end;
    if (!note || *note < '0' || *note > '9')
        return false;
    errno = 0;
    *x = strtoull(note, &end, 10);
    return errno == 0 && *end == '\0';
}

bool tl_to_number(const char *note, double *x)
{
    return note && tl_parse_double(&note, x) == TL_PARSED && *note == '\0';
}

/* ---- Differences ---- */

void tl_load_differs(tl_load *l, const char *format, ...)
{
    if (l->n_differences < TL_LISTED_DIFFERENCES) {
        va_list args;
        va_start(args, format);
        vsnprintf(l->difference[l->n_differences], TL_DIFFERENCE_SIZE, format, args);
        va_end(args);
    }
    l->n_differences++;
}

/* Lists as many as fit, the first at least. */
tl_status tl_load_differences(const tl_load *l)
{
    enum { MORE = 24 }; /* bytes that "; and 2147483647 more" fits in */
    char text[TL_ERROR_SIZE - MORE], more[MORE] = "";
    if (l->failed)
        return tl_fail_memory();
    if (l->n_differences == 0)
        return TL_OK;
    int n = snprintf(text, sizeof text, "%s: %.200s: %s", l->who, l->path, l->difference[0]);
    int32_t k = 1;
    for (; k < l->n_differences && k < TL_LISTED_DIFFERENCES; k++) {
        const int length = (int)strlen(l->difference[k]) + 2;
        if (n + length >= (int)sizeof text)
            break;
        n += snprintf(text + n, sizeof text - (size_t)n, "; %s", l->difference[k]);
    }
    if (k < l->n_differences)
        snprintf(more, sizeof more, "; and %d more", (int)(l->n_differences - k));
    return tl_fail(TL_ERR_ARGUMENT, "%s%s", text, more);
}

tl_status tl_load_bad(const tl_load *l, const char *format, ...)
{
    char text[TL_ERROR_SIZE];
    va_list args;
    if (l->failed) /* nothing was found for that reason */
        return tl_fail_memory();
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tl_fail(TL_ERR_FORMAT, "%s: %.200s: %s", l->who, l->path, text);
}

/* ---- Variables ---- */

/* Adds a pattern under these names; its row pointers fit in 32 bits, as its entries are so many at most. */
static void save_pattern(tl_save_list *l, const tl_pattern *p, const char *name, const char *infix)
{
    const tl_csr s = tl_pattern_csr(p);
    int32_t *row_ptr = tl_arena_alloc(&l->arena, s.rows + 1, sizeof *row_ptr);
    for (int64_t i = 0; row_ptr && i <= s.rows; i++)
        row_ptr[i] = (int32_t)s.row_ptr[i];
    l->failed |= !row_ptr;
    tl_save_tensor(l, TL_SAFETENSORS_I32, TL_SHAPE(s.rows + 1), row_ptr, "%s%s.crow_indices", name, infix);
    tl_save_tensor(l, TL_SAFETENSORS_I32, TL_SHAPE(s.nnz), s.col, "%s%s.col_indices", name, infix);
    tl_save_text(l, tl_arena_text(&l->arena, "[%" PRId64 ",%" PRId64 "]", s.rows, s.cols), "shape/%s", name);
}

void tl_save_variable(tl_save_list *l, tl_variable *v)
{
    tl_before_read(v, 0, NULL);
    if (v->sparse) {
        save_pattern(l, v->pattern, v->name, "");
        tl_save_tensor(l, TL_SAFETENSORS_REAL, TL_SHAPE(v->size), v->data, "%s.values", v->name);
        return;
    }
    tl_save_tensor(l, TL_SAFETENSORS_REAL, v->shape, v->data, "%s", v->name);
    if (v->pattern)
        save_pattern(l, v->pattern, v->name, ".mask");
}

/* Sets the sizes of a pattern from its tensors and from "shape/NAME", if there is one. */
static tl_status find_sizes(tl_load *l, const char *name, tl_stored *s)
{
    const tl_safetensor *crow = &l->file.tensor[s->crow], *col = &l->file.tensor[s->col];
    const bool integers = (crow->type == TL_SAFETENSORS_I32 || crow->type == TL_SAFETENSORS_I64) &&
                          (col->type == TL_SAFETENSORS_I32 || col->type == TL_SAFETENSORS_I64);
    if (!integers || crow->rank != 1 || col->rank != 1 || crow->size == 0)
        return tl_load_bad(l, "%.80s: the indices are not two lists of I32 or I64", name);
    s->rows = crow->size - 1;
    s->nnz = col->size;
    const char *shape = tl_load_note(l, "shape/%s", name);
    s->cols = -1;
    if (!shape)
        return TL_OK;
    int64_t rows;
    const char *at = shape + 1;
    const bool right = shape[0] == '[' && tl_parse_integer(&at, &rows) == TL_PARSED && *at++ == ',' &&
                       tl_parse_integer(&at, &s->cols) == TL_PARSED && strcmp(at, "]") == 0;
    if (!right || rows != s->rows || s->cols < 0)
        return tl_load_bad(l, "shape/%.80s: found %.40s, expected [%" PRId64 ",COLUMNS]", name, shape,
                           s->rows);
    return TL_OK;
}

/* Returns whether a sparse variable has the name that the tensors of this one's mask would begin with. Then
 * this one has no mask, and no note of its shape. */
static bool mask_is_variable(tl_load *l, const char *name)
{
    const char *values = tl_arena_text(&l->arena, "%s.mask.values", name);
    l->failed |= !values;
    return tl_safetensors_find(&l->file, values) >= 0 && !tl_load_note(l, "shape/%s", name);
}

tl_status tl_load_stored(tl_load *l, const char *name, tl_stored *s, bool *found)
{
    const int32_t dense = tl_load_find(l, "%s", name);
    const char *infix = dense >= 0 ? ".mask" : "";
    *s = (tl_stored){
        .sparse = dense < 0,
        .values = dense >= 0 ? dense : tl_load_find(l, "%s.values", name),
        .crow = -1,
        .col = -1,
    };
    if (dense < 0 || !mask_is_variable(l, name)) {
        s->crow = tl_load_find(l, "%s%s.crow_indices", name, infix);
        s->col = tl_load_find(l, "%s%s.col_indices", name, infix);
    }
    const bool pattern = s->crow >= 0 && s->col >= 0;
    *found = dense >= 0 || (pattern && s->values >= 0);
    if ((s->crow >= 0) != (s->col >= 0) || (s->sparse && pattern != (s->values >= 0)))
        return tl_load_bad(l, "%.80s: there is but a part of %s.crow_indices, .col_indices and .values", name,
                           infix);
    if (!pattern)
        return TL_OK;
    if (find_sizes(l, name, s) != TL_OK)
        return TL_ERR_FORMAT;
    const tl_safetensor *values = &l->file.tensor[s->values];
    if (s->sparse && (values->rank != 1 || values->size != s->nnz))
        return tl_load_bad(l, "%.80s: found %" PRId64 " values, expected %" PRId64, name, values->size,
                           s->nnz);
    return TL_OK;
}

/* Converts indices to 64 bits. NULL if memory is short. */
static int64_t *indices(const tl_safetensor *t)
{
    int64_t *x = tl_alloc(t->size, sizeof *x);
    for (int64_t k = 0; x && k < t->size; k++)
        x[k] = t->type == TL_SAFETENSORS_I32 ? ((const int32_t *)t->data)[k] : ((const int64_t *)t->data)[k];
    return x;
}

static int32_t *narrow(int64_t n, const int64_t *x)
{
    int32_t *y = tl_alloc(n, sizeof *y);
    for (int64_t k = 0; y && k < n; k++)
        y[k] = (int32_t)x[k];
    return y;
}

/* Returns the first of n columns that 32 bits do not hold, n if there is none. */
static int64_t first_wide(int64_t n, const int64_t *x)
{
    int64_t k = 0;
    while (k < n && x[k] >= INT32_MIN && x[k] <= INT32_MAX)
        k++;
    return k;
}

tl_status tl_load_pattern(tl_load *l, const tl_stored *s, int64_t cols, tl_pattern **pattern)
{
    const tl_safetensor *crow = &l->file.tensor[s->crow], *col = &l->file.tensor[s->col];
    tl_status status = tl_safetensors_load(&l->file, s->crow, NULL);
    if (status == TL_OK)
        status = tl_safetensors_load(&l->file, s->col, NULL);
    if (status != TL_OK)
        return status;
    int64_t *row_ptr = indices(crow), *wide = indices(col);
    const int64_t faulty = wide ? first_wide(col->size, wide) : 0;
    int32_t *narrowed = wide && faulty == col->size ? narrow(col->size, wide) : NULL;
    *pattern = NULL;
    if (row_ptr && wide && faulty < col->size)
        status = tl_load_bad(l, "%.80s: entry %" PRId64 ": column %" PRId64 " is not in [0, %" PRId64 ")",
                             col->name, faulty, wide[faulty], cols);
    else if (!row_ptr || !narrowed)
        status = tl_fail_memory();
    else if (row_ptr[s->rows] != s->nnz)
        status = tl_load_bad(l, "%.80s ends in %" PRId64 ", expected %" PRId64 " entries", crow->name,
                             row_ptr[s->rows], s->nnz);
    else
        *pattern = tl_pattern_from_csr(s->rows, cols, row_ptr, narrowed);
    if (status == TL_OK && !*pattern)
        status = tl_last_status() == TL_ERR_MEMORY ? TL_ERR_MEMORY
                                                   : tl_load_bad(l, "%.80s: %s", crow->name, tl_error());
    tl_free(row_ptr);
    tl_free(wide);
    tl_free(narrowed);
    return status;
}

bool tl_load_fits(const tl_load *l, int32_t tensor, const tl_stored *s, tl_safetensors_type type)
{
    const tl_safetensor *t = &l->file.tensor[tensor], *values = &l->file.tensor[s->values];
    return t->type == type && t->rank == values->rank &&
           (t->rank == 0 || memcmp(t->dim, values->dim, (size_t)t->rank * sizeof *t->dim) == 0);
}

tl_text tl_stored_shape_text(const tl_load *l, const tl_stored *s)
{
    const tl_safetensor *t = &l->file.tensor[s->values];
    if (!s->sparse)
        return t->rank <= TL_MAX_RANK ? tl_shape_text(tl_shape_from(t->rank, t->dim))
                                      : (tl_text){ "of a high rank" };
    tl_text text;
    if (s->cols >= 0)
        return tl_shape_text(TL_SHAPE(s->rows, s->cols));
    snprintf(text.text, sizeof text.text, "%" PRId64 "x?", s->rows);
    return text;
}

const char *tl_stored_kind(const tl_stored *s)
{
    return s->sparse ? "sparse" : s->crow >= 0 ? "masked" : "dense";
}
