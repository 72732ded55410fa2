/* The archives of scipy.sparse.save_npz: 'format', 'shape', 'data', and 'indices' with 'indptr' (csr and
 * csc) or 'row' and 'col' (coo). */
#include "lib/io/npy_format.h"
#include "lib/io/zip.h"
#include "lib/memory.h"
#include "lib/status_private.h"
#include "npz.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Reading: the arrays ---- */

enum { CSR, CSC, COO };

/* Coordinates of the major axis compressed (csr: rows) or listed (coo: rows), and of the other axis
 * listed. */
typedef struct arrays {
    int format; /* CSR, CSC or COO */
    tl_npy shape, data, major, minor;
    const char *major_name, *minor_name;
    int64_t rows, cols, nnz;
} arrays;

static void free_arrays(arrays *a)
{
    tl_npy_free(&a->shape);
    tl_npy_free(&a->data);
    tl_npy_free(&a->major);
    tl_npy_free(&a->minor);
}

static tl_status unexpected(const tl_zip *z, const char *format, ...) TL_PRINTF(2, 3);

static tl_status unexpected(const tl_zip *z, const char *format, ...)
{
    char text[TL_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tl_fail(TL_ERR_FORMAT, "%s: %.300s: %s", z->who, z->path, text);
}

static tl_status open_named(tl_zip *z, const char *name, tl_source *s, int64_t *size)
{
    char entry[32];
    snprintf(entry, sizeof entry, "%s.npy", name);
    const int32_t k = tl_zip_find(z, entry);
    if (k < 0)
        return unexpected(z, "found no '%s', expected what scipy.sparse.save_npz writes", name);
    *size = z->entry[k].size;
    return tl_zip_open_entry(z, k, s);
}

/* Reads an array of this rank; `integers` is whether it must be of integers. */
static tl_status read_array(tl_zip *z, const char *name, bool integers, tl_npy *out)
{
    tl_source s;
    int64_t size = 0;
    tl_status status = open_named(z, name, &s, &size);
    if (status != TL_OK)
        return status;
    status = tl_npy_read_from(&s, size, out);
    if (status == TL_OK && out->rank != 1)
        status = tl_source_unexpected(&s, 0, "found rank %d, expected 1", (int)out->rank);
    if (status == TL_OK && integers && (out->type < TL_NPY_INT8 || out->type > TL_NPY_UINT64))
        status = tl_source_unexpected(&s, 0, "found %s, expected integers", tl_npy_type_name(out->type));
    return tl_zip_close_entry(z, &s, status);
}

/* Reads the name of the format, a scalar of bytes (|S3) or text (<U3). */
static tl_status read_format(tl_zip *z, arrays *a)
{
    enum { MOST = 8 };
    static const char *const known[] = { "csr", "csc", "coo" };
    unsigned char bytes[4 * MOST];
    char name[MOST + 1] = "";
    tl_npy_header h;
    tl_source s;
    int64_t size = 0;
    tl_status status = open_named(z, "format", &s, &size);
    if (status != TL_OK)
        return status;
    status = tl_npy_read_header(&s, &h);
    if (status == TL_OK && ((h.kind != 'S' && h.kind != 'U') || h.rank != 0 || h.width < 1 || h.width > MOST))
        status = tl_source_unexpected(&s, h.type_at, "found %s of rank %d, expected the name of a format",
                                      h.type_text, (int)h.rank);
    const int64_t each = h.kind == 'U' ? 4 : 1;
    if (status == TL_OK)
        status = tl_source_read(&s, bytes, h.width * each, "the name of a format");
    status = tl_zip_close_entry(z, &s, status);
    if (status != TL_OK)
        return status;
    for (int64_t k = 0; k < h.width; k++)
        name[k] = (char)bytes[k * each + (h.order == '>' ? each - 1 : 0)];
    for (int k = 0; k < 3; k++)
        if (strcmp(name, known[k]) == 0) {
            a->format = k;
            return TL_OK;
        }
    for (char *c = name; *c; c++)
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    return unexpected(z, "found format '%s', expected 'csr', 'csc' or 'coo'", name);
}

/* Returns integer k of an array, -1 if it is beyond INT64_MAX. */
static int64_t integer(const tl_npy *a, int64_t k)
{
    if (a->type == TL_NPY_INT32)
        return ((const int32_t *)a->data)[k];
    if (a->type == TL_NPY_INT64)
        return ((const int64_t *)a->data)[k];
    if (a->type == TL_NPY_UINT64) {
        const uint64_t x = ((const uint64_t *)a->data)[k];
        return x > INT64_MAX ? -1 : (int64_t)x;
    }
    return (int64_t)tl_npy_get(a, k); /* the rest is exact */
}

static tl_status read_arrays(tl_zip *z, arrays *a)
{
    tl_status status = read_format(z, a);
    if (status != TL_OK)
        return status;
    a->major_name = a->format == COO ? "row" : "indptr";
    a->minor_name = a->format == COO ? "col" : "indices";
    status = read_array(z, "shape", true, &a->shape);
    if (status == TL_OK && a->shape.size != 2)
        return unexpected(z, "found %" PRId64 " sizes in 'shape', expected 2", a->shape.size);
    if (status == TL_OK)
        status = read_array(z, "data", false, &a->data);
    if (status == TL_OK)
        status = read_array(z, a->major_name, true, &a->major);
    if (status == TL_OK)
        status = read_array(z, a->minor_name, true, &a->minor);
    if (status != TL_OK)
        return status;
    a->rows = integer(&a->shape, 0);
    a->cols = integer(&a->shape, 1);
    a->nnz = a->data.size;
    if (a->rows < 0 || a->rows > INT32_MAX || a->cols < 0 || a->cols > INT32_MAX)
        return unexpected(z, "found shape %" PRId64 "x%" PRId64 ", expected sizes in 0..%d", a->rows, a->cols,
                          INT32_MAX);
    return TL_OK;
}

/* ---- Reading: the checks ---- */

/* Checks that compressed pointers start at 0, never decrease and end within the data, and sets nnz to their
 * end. */
static tl_status check_pointers(const tl_zip *z, arrays *a)
{
    const int64_t n = a->format == CSR ? a->rows : a->cols;
    if (a->major.size != n + 1)
        return unexpected(z, "found %" PRId64 " elements in 'indptr', expected %" PRId64, a->major.size,
                          n + 1);
    int64_t before = 0;
    for (int64_t k = 0; k <= n; k++) {
        const int64_t at = integer(&a->major, k);
        if (k == 0 ? at != 0 : at < before || at > a->nnz)
            return unexpected(z, "found indptr[%" PRId64 "] = %" PRId64 ", expected %" PRId64 "..%" PRId64, k,
                              at, before, k == 0 ? 0 : a->nnz);
        before = at;
    }
    a->nnz = before;
    return TL_OK;
}

static tl_status check_indices(const tl_zip *z, const tl_npy *index, const char *name, int64_t n,
                               int64_t limit)
{
    for (int64_t k = 0; k < n; k++) {
        const int64_t i = integer(index, k);
        if (i < 0 || i >= limit)
            return unexpected(z, "found %s[%" PRId64 "] = %" PRId64 ", expected 0..%" PRId64, name, k, i,
                              limit - 1);
    }
    return TL_OK;
}

static tl_status check_arrays(const tl_zip *z, arrays *a)
{
    enum { ALWAYS = 1 << 24, PER_ENTRY = 64 };
    if (a->minor.size != a->data.size)
        return unexpected(z, "found %" PRId64 " elements in '%s', expected %" PRId64 ", as in 'data'",
                          a->minor.size, a->minor_name, a->data.size);
    if (a->format == COO && a->major.size != a->data.size)
        return unexpected(z, "found %" PRId64 " elements in 'row', expected %" PRId64 ", as in 'data'",
                          a->major.size, a->data.size);
    tl_status status = a->format == COO ? check_indices(z, &a->major, "row", a->nnz, a->rows)
                                        : check_pointers(z, a);
    if (status == TL_OK)
        status = check_indices(z, &a->minor, a->minor_name, a->nnz, a->format == CSC ? a->rows : a->cols);
    const int64_t most = a->nnz > ALWAYS / PER_ENTRY ? PER_ENTRY * a->nnz : ALWAYS;
    if (status == TL_OK && a->format != CSR && a->rows > most)
        return unexpected(z, "found %" PRId64 " rows for %" PRId64 " entries, expected at most %" PRId64,
                          a->rows, a->nnz, most);
    if (status == TL_OK && a->nnz > INT32_MAX)
        return unexpected(z, "found %" PRId64 " entries, expected at most %d", a->nnz, INT32_MAX);
    return status;
}

/* ---- Reading: the matrix ---- */

static tl_status failed(const tl_zip *z)
{
    const tl_status status = tl_last_status();
    if (status == TL_ERR_MEMORY)
        return status;
    char text[TL_ERROR_SIZE];
    snprintf(text, sizeof text, "%s", tl_error());
    return tl_fail(TL_ERR_FORMAT, "%s: %.200s: %s", z->who, z->path, text);
}

/* Returns whether the columns ascend in each row, without repeats. */
static bool is_canonical(const arrays *a)
{
    for (int64_t i = 0; i < a->rows; i++)
        for (int64_t e = integer(&a->major, i) + 1; e < integer(&a->major, i + 1); e++)
            if (integer(&a->minor, e - 1) >= integer(&a->minor, e))
                return false;
    return true;
}

/* A pattern in the order of the file. */
static tl_pattern *take_pattern(const arrays *a)
{
    int64_t *row_ptr = tl_alloc(a->rows + 1, sizeof *row_ptr);
    int32_t *col = tl_alloc(a->nnz, sizeof *col);
    tl_pattern *p = NULL;
    if (row_ptr && col) {
        for (int64_t i = 0; i <= a->rows; i++)
            row_ptr[i] = integer(&a->major, i);
        for (int64_t e = 0; e < a->nnz; e++)
            col[e] = (int32_t)integer(&a->minor, e);
        p = tl_pattern_from_csr(a->rows, a->cols, row_ptr, col);
    } else {
        tl_fail_memory();
    }
    tl_free(row_ptr);
    tl_free(col);
    return p;
}

/* A pattern in its own order, and the position in it of each entry of the file. */
static tl_pattern *sort_pattern(const arrays *a, int64_t *position)
{
    int32_t *major = tl_alloc(a->nnz, sizeof *major), *minor = tl_alloc(a->nnz, sizeof *minor);
    tl_pattern *p = NULL;
    if (major && minor) {
        const int64_t n = a->format == CSR ? a->rows : a->cols;
        for (int64_t e = 0; e < a->nnz; e++) {
            minor[e] = (int32_t)integer(&a->minor, e);
            major[e] = a->format == COO ? (int32_t)integer(&a->major, e) : 0;
        }
        if (a->format != COO)
            for (int64_t k = 0; k < n; k++)
                for (int64_t e = integer(&a->major, k); e < integer(&a->major, k + 1); e++)
                    major[e] = (int32_t)k;
        p = tl_coo_to_csr(a->rows, a->cols, a->nnz, a->format == CSC ? minor : major,
                          a->format == CSC ? major : minor, TL_REPEATS_SUM, position);
    } else {
        tl_fail_memory();
    }
    tl_free(major);
    tl_free(minor);
    return p;
}

static tl_status make_matrix(const tl_zip *z, const arrays *a, tl_mtx *out)
{
    const bool canonical = a->format == CSR && is_canonical(a);
    tl_real *data = tl_alloc(a->data.size, sizeof *data);
    int64_t *position = canonical ? NULL : tl_alloc(a->nnz, sizeof *position);
    if (!data || (!canonical && !position))
        tl_fail_memory();
    else
        out->pattern = canonical ? take_pattern(a) : sort_pattern(a, position);
    const bool converted = out->pattern && tl_npy_to_real(&a->data, data) == TL_OK;
    if (converted && canonical) {
        out->values = data;
        data = NULL;
    } else if (converted) {
        out->values = tl_alloc_zero(tl_pattern_nnz(out->pattern), sizeof *out->values);
        if (!out->values)
            tl_fail_memory();
        for (int64_t e = 0; out->values && e < a->nnz; e++)
            out->values[position[e]] += data[e];
    }
    out->rows = a->rows;
    out->cols = a->cols;
    tl_free(data);
    tl_free(position);
    return out->values ? TL_OK : failed(z);
}

tl_status tl_npz_read_sparse(const char *path, tl_mtx *out)
{
    if (out)
        *out = (tl_mtx){ 0 };
    if (!path || !out)
        return tl_fail(TL_ERR_ARGUMENT, "npz_read_sparse: %s is NULL", path ? "out" : "path");
    arrays a = { 0 };
    tl_zip z;
    tl_status status = tl_zip_open(&z, "npz_read_sparse", path);
    if (status != TL_OK)
        return status;
    status = read_arrays(&z, &a);
    if (status == TL_OK)
        status = check_arrays(&z, &a);
    if (status == TL_OK)
        status = make_matrix(&z, &a, out);
    if (status != TL_OK) {
        tl_pattern_release(out->pattern);
        *out = (tl_mtx){ 0 };
    }
    free_arrays(&a);
    tl_zip_close(&z);
    return status;
}

/* ---- Writing ---- */

static tl_status check_matrix(const char *path, const tl_mtx *m)
{
    if (!path || !m)
        return tl_fail(TL_ERR_ARGUMENT, "npz_write_sparse: %s is NULL", path ? "m" : "path");
    const tl_csr p = tl_pattern_csr(m->pattern);
    if (!m->pattern)
        return tl_fail(TL_ERR_KIND, "npz_write_sparse: the matrix is dense");
    if (m->rows != p.rows || m->cols != p.cols)
        return tl_fail(TL_ERR_SHAPE,
                       "npz_write_sparse: a %" PRId64 "x%" PRId64 " matrix has a %" PRId64 "x%" PRId64
                       " pattern",
                       m->rows, m->cols, p.rows, p.cols);
    if (p.nnz > 0 && !m->values)
        return tl_fail(TL_ERR_ARGUMENT, "npz_write_sparse: values is NULL");
    return TL_OK;
}

static void write_bytes(tl_zip_writer *w, const char *name, const char *type, int32_t rank, int64_t n,
                        const void *bytes, int64_t size)
{
    tl_npy_head head;
    tl_npy_format_head(&head, type, rank, &n);
    tl_zip_begin(w, name, head.n + size, false);
    tl_zip_write(w, head.bytes, head.n);
    tl_zip_write(w, bytes, size);
    tl_zip_end(w);
}

/* In SciPy's order. Its indices and pointers have one type. */
static void write_matrix(tl_zip_writer *w, const tl_csr *p, const tl_real *values, const int32_t *row_ptr)
{
    const int64_t shape[] = { p->rows, p->cols };
    char int32[4], int64[4], real[4];
    tl_npy_type_text(TL_NPY_INT32, int32);
    tl_npy_type_text(TL_NPY_INT64, int64);
    tl_npy_type_text(TL_NPY_REAL, real);
    write_bytes(w, "indices.npy", int32, 1, p->nnz, p->col, p->nnz * 4);
    write_bytes(w, "indptr.npy", int32, 1, p->rows + 1, row_ptr, (p->rows + 1) * 4);
    write_bytes(w, "format.npy", "|S3", 0, 0, "csr", 3);
    write_bytes(w, "shape.npy", int64, 1, 2, shape, sizeof shape);
    write_bytes(w, "data.npy", real, 1, p->nnz, values, p->nnz * (int64_t)sizeof *values);
}

tl_status tl_npz_write_sparse(const char *path, const tl_mtx *m)
{
    tl_status status = check_matrix(path, m);
    if (status != TL_OK)
        return status;
    const tl_csr p = tl_pattern_csr(m->pattern);
    int32_t *row_ptr = tl_alloc(p.rows + 1, sizeof *row_ptr);
    if (!row_ptr)
        return tl_fail_memory();
    for (int64_t i = 0; i <= p.rows; i++)
        row_ptr[i] = (int32_t)p.row_ptr[i];
    tl_zip_writer w;
    status = tl_zip_create(&w, "npz_write_sparse", path);
    if (status == TL_OK) {
        write_matrix(&w, &p, m->values, row_ptr);
        status = tl_zip_commit(&w, TL_OK);
    }
    tl_free(row_ptr);
    return status;
}
