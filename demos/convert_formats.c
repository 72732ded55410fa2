/* The table of formats, and what they share. */
#include "convert_formats.h"
#include "convert_readers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const format formats[] = {
    { "mtx", ".mtx ", "a matrix (Matrix Market)", mtx_read, mtx_write },
    { "npy", ".npy ", "an array (NumPy)", npy_read, npy_write },
    { "npz", ".npz ", "named arrays (NumPy), or a sparse matrix (SciPy)", npz_read, npz_write },
    { "safetensors", ".safetensors .ckpt ", "named arrays; checkpoints and weights", safetensors_read,
      safetensors_write },
    { "svmlight", ".svm .svmlight .libsvm ", "features, labels and qid", svmlight_read, svmlight_write },
    { "csv", ".csv .tsv ", "columns: arrays of rank 1, or a matrix", csv_read, csv_write },
    { "idx", ".idx -ubyte ", "an array (MNIST's files)", idx_read, idx_write },
    { 0 },
};

const format *format_named(const char *name)
{
    for (const format *f = formats; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    tl_fail(TL_ERR_ARGUMENT, "no format is called %s; see --help", name);
    return NULL;
}

/* Returns the length of a path without the .gz at its end. */
static size_t bare_length(const char *path)
{
    const size_t n = strlen(path);
    return n > 3 && strcmp(path + n - 3, ".gz") == 0 ? n - 3 : n;
}

/* Returns whether one of the suffixes is the end of the first n bytes of the path; *length is that
 * suffix's. */
static bool has_suffix(const char *path, size_t n, const char *suffixes, size_t *length)
{
    for (; *suffixes; suffixes += *length + 1) {
        *length = strcspn(suffixes, " ");
        if (n > *length && strncmp(path + n - *length, suffixes, *length) == 0)
            return true;
    }
    return false;
}

const format *format_of(const char *path)
{
    size_t length;
    for (const format *f = formats; f->name; f++)
        if (has_suffix(path, bare_length(path), f->suffixes, &length))
            return f;
    tl_fail(TL_ERR_ARGUMENT, "%s: the end of the name tells no format; see --help", path);
    return NULL;
}

/* Returns the file's name without folder and suffix. */
static char *stem_of(const char *path, const format *f)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = bare_length(name), length = 0;
    if (has_suffix(name, n, f->suffixes, &length) && name[n - length] == '.')
        n -= length;
    return text_of("%.*s", (int)n, name);
}

bool read_arrays(const char *path, const format *f, const settings *s, arrays *out)
{
    *out = (arrays){ 0 };
    f = f ? f : format_of(path);
    if (!f)
        return false;
    if (!f->read) {
        tl_fail(TL_ERR_ARGUMENT, "%s: %s is not read", path, f->name);
        return false;
    }
    if (!f->read(path, s, out)) {
        arrays_clear(out);
        return false;
    }
    for (int k = 0; k < out->n; k++)
        if (!*out->item[k].name) {
            free(out->item[k].name);
            out->item[k].name = stem_of(path, f);
        }
    return true;
}

bool write_arrays(const char *path, const format *f, const settings *s, arrays *in)
{
    f = f ? f : format_of(path);
    if (bare_length(path) < strlen(path)) {
        tl_fail(TL_ERR_ARGUMENT, "%s: files are not written gzipped", path);
        return false;
    }
    return f && f->write(path, s, in);
}

array *only_array(arrays *list, const char *what)
{
    if (list->n == 1)
        return &list->item[0];
    char names[200] = "";
    size_t n = 0;
    for (int k = 0; k < list->n && n < sizeof names; k++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", k == 0 ? "" : ", ", list->item[k].name);
    tl_fail(TL_ERR_ARGUMENT, "%s holds one array, not %d (%s%s); --name chooses", what, list->n, names,
            n >= sizeof names ? "..." : "");
    return NULL;
}
