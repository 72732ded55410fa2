/* NumPy's archives: .npy files as the entries of a zip archive. */
#include "npz.h"
#include "lib/io/npy_format.h"
#include "lib/io/zip.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Reading ---- */

/* Returns the length of an entry's name without .npy, -1 if it does not end so. */
static int64_t stem(const char *name)
{
    const size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".npy") == 0 ? (int64_t)n - 4 : -1;
}

static tl_status read_entry(tl_zip *z, int32_t k, tl_npy *out)
{
    tl_source s;
    tl_status status = tl_zip_open_entry(z, k, &s);
    if (status != TL_OK)
        return status;
    status = tl_zip_close_entry(z, &s, tl_npy_read_from(&s, z->entry[k].size, out));
    if (status != TL_OK)
        tl_npy_free(out);
    return status;
}

static tl_status read_all(tl_zip *z, tl_npz *out)
{
    out->name = tl_alloc(z->n, sizeof *out->name);
    out->array = tl_alloc(z->n, sizeof *out->array);
    if (!out->name || !out->array)
        return tl_fail_memory();
    for (int32_t k = 0; k < z->n; k++) {
        char *name = z->entry[k].name;
        const int64_t n = stem(name);
        if (n < 0)
            return tl_fail(TL_ERR_FORMAT,
                           "%s: %.260s: entry '%.60s': expected an array, whose name ends in .npy", z->who,
                           z->path, name);
        const tl_status status = read_entry(z, k, &out->array[k]);
        if (status != TL_OK)
            return status;
        name[n] = '\0';
        out->name[k] = name;
        z->entry[k].name = NULL;
        out->n++;
    }
    return TL_OK;
}

tl_status tl_npz_read(const char *path, tl_npz *out)
{
    if (out)
        *out = (tl_npz){ 0 };
    if (!path || !out)
        return tl_fail(TL_ERR_ARGUMENT, "npz_read: %s is NULL", path ? "out" : "path");
    tl_zip z;
    tl_status status = tl_zip_open(&z, "npz_read", path);
    if (status != TL_OK)
        return status;
    status = read_all(&z, out);
    tl_zip_close(&z);
    if (status != TL_OK)
        tl_npz_free(out);
    return status;
}

tl_status tl_npz_read_array(const char *path, const char *name, tl_npy *out)
{
    if (out)
        *out = (tl_npy){ 0 };
    if (!path || !name || !out)
        return tl_fail(TL_ERR_ARGUMENT, "npz_read_array: %s is NULL",
                       !path   ? "path"
                       : !name ? "name"
                               : "out");
    tl_zip z;
    tl_status status = tl_zip_open(&z, "npz_read_array", path);
    if (status != TL_OK)
        return status;
    int32_t k = 0;
    while (k < z.n && !(stem(z.entry[k].name) == (int64_t)strlen(name) &&
                        strncmp(z.entry[k].name, name, strlen(name)) == 0))
        k++;
    status = k < z.n ? read_entry(&z, k, out)
                     : tl_fail(TL_ERR_FORMAT, "npz_read_array: %.300s: found no array '%.60s'", path, name);
    tl_zip_close(&z);
    return status;
}

const tl_npy *tl_npz_find(const tl_npz *a, const char *name)
{
    for (int32_t k = 0; a && name && k < a->n; k++)
        if (strcmp(a->name[k], name) == 0)
            return &a->array[k];
    return NULL;
}

void tl_npz_free(tl_npz *a)
{
    if (!a)
        return;
    for (int32_t k = 0; k < a->n; k++) {
        tl_free(a->name[k]);
        tl_npy_free(&a->array[k]);
    }
    tl_free(a->name);
    tl_free(a->array);
    *a = (tl_npz){ 0 };
}

/* ---- Writing ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static tl_status check_names(const char *who, const tl_npz *a)
{
    enum { MOST = 60000 };
    for (int32_t k = 0; k < a->n; k++)
        if (!a->name[k] || !a->name[k][0] || strlen(a->name[k]) > MOST)
            return tl_fail(TL_ERR_ARGUMENT, "%s: the name of array %d is %s", who, (int)k,
                           a->name[k] ? a->name[k][0] ? "longer than 60000 bytes" : "empty" : "NULL");
    const char **sorted = tl_alloc(a->n, sizeof *sorted);
    if (!sorted)
        return tl_fail_memory();
    if (a->n > 0)
        memcpy(sorted, a->name, (size_t)a->n * sizeof *sorted);
    qsort(sorted, (size_t)a->n, sizeof *sorted, compare_names);
    tl_status status = TL_OK;
    for (int32_t k = 1; k < a->n && status == TL_OK; k++)
        if (strcmp(sorted[k - 1], sorted[k]) == 0)
            status = tl_fail(TL_ERR_ARGUMENT, "%s: two arrays are called '%.100s'", who, sorted[k]);
    tl_free(sorted);
    return status;
}

static tl_status write_array(tl_zip_writer *w, const char *name, const tl_npy *a, bool deflated)
{
    tl_npy_head head;
    int64_t size;
    char who[120];
    snprintf(who, sizeof who, "%s: array '%.60s'", w->sink.who, name);
    const tl_status status = tl_npy_make_head(who, a, &size, &head);
    if (status != TL_OK)
        return status;
    char *entry = tl_alloc((int64_t)strlen(name) + 5, 1);
    if (!entry)
        return tl_fail_memory();
    sprintf(entry, "%s.npy", name);
    tl_zip_begin(w, entry, head.n + size * tl_npy_width(a->type), deflated);
    tl_free(entry);
    tl_zip_write(w, head.bytes, head.n);
    tl_zip_write(w, a->data, size * tl_npy_width(a->type));
    return tl_zip_end(w);
}

static tl_status write_all(const char *who, const char *path, const tl_npz *a, bool deflated)
{
    if (!path || !a || a->n < 0 || (a->n > 0 && (!a->name || !a->array)))
        return tl_fail(TL_ERR_ARGUMENT, "%s: %s", who, path ? "there are no arrays" : "path is NULL");
    tl_zip_writer w;
    tl_status status = check_names(who, a);
    if (status == TL_OK)
        status = tl_zip_create(&w, who, path);
    if (status != TL_OK)
        return status;
    for (int32_t k = 0; k < a->n && status == TL_OK; k++)
        status = write_array(&w, a->name[k], &a->array[k], deflated);
    return tl_zip_commit(&w, status);
}

tl_status tl_npz_write(const char *path, const tl_npz *a)
{
    return write_all("npz_write", path, a, false);
}

tl_status tl_npz_write_compressed(const char *path, const tl_npz *a)
{
    return write_all("npz_write_compressed", path, a, true);
}
