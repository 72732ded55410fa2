/* Writes svmlight files. */
#include "svmlight.h"
#include "lib/io/number.h"
#include "lib/io/sink.h"
#include "lib/status_private.h"

#include <inttypes.h>

static tl_status check(const tl_svmlight *d)
{
    if (!d->pattern || (!d->labels && d->rows > 0))
        return tl_fail(TL_ERR_ARGUMENT, "svmlight_write: %s is NULL", d->pattern ? "labels" : "pattern");
    const tl_csr p = tl_pattern_csr(d->pattern);
    if (p.rows != d->rows || p.cols != d->features)
        return tl_fail(TL_ERR_SHAPE,
                       "svmlight_write: %" PRId64 " rows of %" PRId64 " features have a %" PRId64 "x%" PRId64
                       " pattern",
                       d->rows, d->features, p.rows, p.cols);
    if (d->base != 0 && d->base != 1)
        return tl_fail(TL_ERR_ARGUMENT, "svmlight_write: base %" PRId32 " is neither 0 nor 1", d->base);
    return TL_OK;
}

static void write_row(tl_sink *s, const tl_svmlight *d, const tl_csr *p, int64_t i)
{
    char text[3 * TL_NUMBER_SIZE];
    tl_sink_write(s, text, tl_print_real(text, d->labels[i]));
    if (d->qid)
        tl_sink_printf(s, " qid:%" PRId64, d->qid[i]);
    for (int64_t e = p->row_ptr[i]; e < p->row_ptr[i + 1]; e++) {
        int n = 0;
        text[n++] = ' ';
        n += tl_print_integer(text + n, p->col[e] + (int64_t)d->base);
        text[n++] = ':';
        n += tl_print_real(text + n, d->values ? d->values[e] : 1);
        tl_sink_write(s, text, n);
    }
    tl_sink_write(s, "\n", 1);
}

tl_status tl_svmlight_write(const char *path, const tl_svmlight *data)
{
    if (!path || !data)
        return tl_fail(TL_ERR_ARGUMENT, "svmlight_write: %s is NULL", path ? "data" : "path");
    tl_sink s;
    tl_status status = check(data);
    if (status == TL_OK)
        status = tl_sink_open(&s, "svmlight_write", path);
    if (status != TL_OK)
        return status;
    const tl_csr p = tl_pattern_csr(data->pattern);
    for (int64_t i = 0; i < p.rows; i++)
        write_row(&s, data, &p, i);
    return tl_sink_close(&s, TL_OK);
}
