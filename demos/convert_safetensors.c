/* Safetensors files, checkpoints among them. */
#include "convert_readers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    tl_safetensors_type type;
    element element;
} types[] = {
    { TL_SAFETENSORS_F64, E_FLOAT64 }, { TL_SAFETENSORS_I64, E_INT64 }, { TL_SAFETENSORS_U64, E_UINT64 },
    { TL_SAFETENSORS_F32, E_FLOAT32 }, { TL_SAFETENSORS_I32, E_INT32 }, { TL_SAFETENSORS_U32, E_UINT32 },
    { TL_SAFETENSORS_F16, E_FLOAT16 }, { TL_SAFETENSORS_I16, E_INT16 }, { TL_SAFETENSORS_U16, E_UINT16 },
    { TL_SAFETENSORS_I8, E_INT8 },     { TL_SAFETENSORS_U8, E_UINT8 },  { TL_SAFETENSORS_BOOL, E_BOOL },
};
enum { TYPES = sizeof types / sizeof *types };

static bool append(arrays *out, const tl_safetensor *t, const char *path)
{
    int k = 0;
    if (t->rank > MOST_RANK) {
        tl_fail(TL_ERR_FORMAT, "%s: %s has rank %" PRId32 ", expected at most %d", path, t->name, t->rank,
                MOST_RANK);
        return false;
    }
    while (k < TYPES && types[k].type != t->type)
        k++;
    array *a = arrays_add(out, t->name, k < TYPES ? types[k].element : E_FLOAT32, t->rank, t->dim, NULL);
    if (k < TYPES)
        return copy_values(a->values, t->data, a->element, t->size, t->name);
    for (int64_t e = 0; e < t->size; e++) /* BF16, which is float32 without its last bits */
        a->values[e] = tl_safetensors_get(t, e);
    return true;
}

/* Returns how many checksums were found right, and the notes, a line each, without what arrays show
 * anyway. */
static char *about(const tl_safetensors *file)
{
    int32_t sums = 0;
    for (int32_t k = 0; k < file->n; k++)
        sums += file->tensor[k].has_checksum;
    char *text = sums > 0
                     ? text_of("checksums: right, for %" PRId32 " of %" PRId32 " tensors\n", sums, file->n)
                     : text_of("checksums: none\n");
    for (int32_t k = 0; k < file->n_notes; k++) {
        if (strncmp(file->note[k].key, "shape/", 6) == 0)
            continue;
        char *longer = text_of("%s%s: %s\n", text, file->note[k].key, file->note[k].value);
        free(text);
        text = longer;
    }
    return text;
}

static bool ends(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Takes the sizes of sparse matrices and masks from their notes: "shape/NAME" is "[ROWS,COLUMNS]". */
static void add_shapes(arrays *out, const tl_safetensors *file)
{
    for (int32_t k = 0; k < file->n_notes; k++) {
        long long rows, cols;
        if (strncmp(file->note[k].key, "shape/", 6) != 0 ||
            sscanf(file->note[k].value, "[%lld,%lld]", &rows, &cols) != 2)
            continue;
        const char *name = file->note[k].key + 6;
        char *mask = text_of("%s.mask", name), *crow = text_of("%s.crow_indices", mask);
        add_shape(out, tl_safetensors_find(file, crow) >= 0 ? mask : name, rows, cols);
        free(mask);
        free(crow);
    }
}

bool safetensors_read(const char *path, const settings *s, arrays *out)
{
    tl_safetensors file;
    bool ok = true;
    (void)s;
    if (tl_safetensors_read(path, &file) != TL_OK)
        return false;
    for (int32_t k = 0; ok && k < file.n; k++)
        ok = append(out, &file.tensor[k], path);
    out->about = about(&file);
    add_shapes(out, &file);
    tl_safetensors_free(&file);
    return ok && join_sparse(out);
}

/* Makes the notes of sparse matrices and masks; returns their number. */
static int32_t make_notes(const arrays *in, tl_safetensors_note *note)
{
    int32_t n = 0;
    for (int k = 0; k < in->n; k++) {
        const array *a = &in->item[k];
        const int length = (int)strlen(a->name) - (a->ones && ends(a->name, ".mask") ? 5 : 0);
        if (a->pattern)
            note[n++] = (tl_safetensors_note){ text_of("shape/%.*s", length, a->name),
                                               text_of("[%" PRId64 ",%" PRId64 "]", a->dim[0], a->dim[1]) };
    }
    return n;
}

bool safetensors_write(const char *path, const settings *s, arrays *in)
{
    (void)s;
    tl_safetensors_note *note = take(in->n, sizeof *note);
    const int32_t n_notes = make_notes(in, note);
    split_sparse(in);
    tl_safetensor *tensor = take(in->n, sizeof *tensor);
    for (int n = 0; n < in->n; n++) {
        const array *a = &in->item[n];
        int k = 0;
        while (types[k].element != a->element)
            k++;
        tensor[n] = (tl_safetensor){ .name = a->name,
                                     .type = types[k].type,
                                     .rank = a->rank,
                                     .dim = a->dim,
                                     .size = a->size,
                                     .data = pack_values(a, a->element) };
    }
    const tl_safetensors file = { .n = in->n, .tensor = tensor, .n_notes = n_notes, .note = note };
    const bool ok = tl_safetensors_write(path, &file) == TL_OK;
    for (int n = 0; n < in->n; n++)
        free(tensor[n].data);
    for (int32_t n = 0; n < n_notes; n++) {
        free((char *)note[n].key);
        free((char *)note[n].value);
    }
    free(note);
    free(tensor);
    return ok;
}
