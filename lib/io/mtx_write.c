/* Writes Matrix Market files. */
#include "mtx.h"
#include "lib/io/number.h"
#include "lib/io/sink.h"
#include "lib/status_private.h"

#include <inttypes.h>

static tl_status check(const tl_mtx *m)
{
    const tl_csr p = tl_pattern_csr(m->pattern);
    if (m->pattern && (p.rows != m->rows || p.cols != m->cols))
        return tl_fail(TL_ERR_SHAPE,
                       "mtx_write: a %" PRId64 "x%" PRId64 " matrix has a %" PRId64 "x%" PRId64 " pattern",
                       m->rows, m->cols, p.rows, p.cols);
    if (m->rows < 0 || m->cols < 0 || m->rows > INT32_MAX || m->cols > INT32_MAX)
        return tl_fail(TL_ERR_SHAPE, "mtx_write: %" PRId64 "x%" PRId64 " has a size that is not in 0..%d",
                       m->rows, m->cols, INT32_MAX);
    if (!m->pattern && !m->values && m->rows * m->cols > 0)
        return tl_fail(TL_ERR_ARGUMENT, "mtx_write: values is NULL");
    return TL_OK;
}

static void write_sparse(tl_sink *s, const tl_csr *p, const tl_real *values)
{
    char text[3 * TL_NUMBER_SIZE];
    tl_sink_printf(s, "%%%%MatrixMarket matrix coordinate %s general\n%" PRId64 " %" PRId64 " %" PRId64 "\n",
                   values ? "real" : "pattern", p->rows, p->cols, p->nnz);
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t e = p->row_ptr[i]; e < p->row_ptr[i + 1]; e++) {
            int n = tl_print_integer(text, i + 1);
            text[n++] = ' ';
            n += tl_print_integer(text + n, p->col[e] + INT64_C(1));
            if (values) {
                text[n++] = ' ';
                n += tl_print_real(text + n, values[e]);
            }
            text[n++] = '\n';
            tl_sink_write(s, text, n);
        }
}

static void write_dense(tl_sink *s, const tl_mtx *m)
{
    char text[TL_NUMBER_SIZE + 1];
    tl_sink_printf(s, "%%%%MatrixMarket matrix array real general\n%" PRId64 " %" PRId64 "\n", m->rows,
                   m->cols);
    if (m->rows == 0)
        return; /* see the reader */
    for (int64_t j = 0; j < m->cols; j++)
        for (int64_t i = 0; i < m->rows; i++) {
            int n = tl_print_real(text, m->values[i * m->cols + j]);
            text[n++] = '\n';
            tl_sink_write(s, text, n);
        }
}

tl_status tl_mtx_write(const char *path, const tl_mtx *m)
{
    if (!path || !m)
        return tl_fail(TL_ERR_ARGUMENT, "mtx_write: %s is NULL", path ? "m" : "path");
    tl_sink s;
    tl_status status = check(m);
    if (status == TL_OK)
        status = tl_sink_open(&s, "mtx_write", path);
    if (status != TL_OK)
        return status;
    const tl_csr p = tl_pattern_csr(m->pattern);
    if (m->pattern)
        write_sparse(&s, &p, m->values);
    else
        write_dense(&s, m);
    return tl_sink_close(&s, TL_OK);
}
