/* Results as texts: each value is appended to a CSV and to a JSON in memory. */
#include "results.h"
#include "output.h"

#include <math.h>
#include <stdlib.h>
#include <tulle/tulle.h>

bool results_make(results *r)
{
    *r = (results){ .n_rows = 0 };
    r->head = open_memstream(&r->head_text, &r->head_size);
    r->csv = open_memstream(&r->csv_text, &r->csv_size);
    r->json = open_memstream(&r->json_text, &r->json_size);
    if (!r->head || !r->csv || !r->json)
        tl_fail(TL_ERR_MEMORY, "out of memory");
    return r->head && r->csv && r->json;
}

void results_free(results *r)
{
    FILE *const streams[] = { r->head, r->csv, r->json };
    for (int k = 0; k < 3; k++)
        if (streams[k])
            fclose(streams[k]);
    free(r->head_text);
    free(r->csv_text);
    free(r->json_text);
    *r = (results){ .n_rows = 0 };
}

static void begin_value(results *r, const char *name)
{
    const bool first = r->n_values++ == 0;
    if (r->n_rows == 0)
        fprintf(r->head, "%s%s", first ? "" : ",", name);
    if (!first)
        fprintf(r->csv, ",");
    fprintf(r->json, "%s\"%s\": ", !first ? ", " : r->n_rows == 0 ? "\n    {" : ",\n    {", name);
}

void result_text(results *r, const char *name, const char *value)
{
    begin_value(r, name);
    fprintf(r->csv, "%s", value);
    write_json_text(r->json, value);
}

void result_integer(results *r, const char *name, int64_t value)
{
    begin_value(r, name);
    fprintf(r->csv, "%" PRId64, value);
    fprintf(r->json, "%" PRId64, value);
}

void result_seed(results *r, uint64_t seed)
{
    begin_value(r, "seed");
    fprintf(r->csv, "%" PRIu64, seed);
    fprintf(r->json, "%" PRIu64, seed);
}

/* JSON has no NaN and no infinity. */
void result_number(results *r, const char *name, double value)
{
    begin_value(r, name);
    fprintf(r->csv, "%.9g", value);
    if (isfinite(value))
        fprintf(r->json, "%.9g", value);
    else
        fprintf(r->json, "null");
}

void result_end(results *r)
{
    fprintf(r->csv, "\n");
    fprintf(r->json, "}");
    r->n_rows++;
    r->n_values = 0;
}

void results_write_csv(results *r, FILE *to)
{
    if (fflush(r->head) == 0 && fflush(r->csv) == 0)
        fprintf(to, "%s\n%s", r->head_text, r->csv_text);
}

void results_write_json(results *r, FILE *to)
{
    if (fflush(r->json) == 0)
        fprintf(to, "%s", r->json_text);
}
