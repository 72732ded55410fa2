/* The table, the files, and the progress line. The program keeps the C locale that it starts in, so that
 * printf writes 0.5, not 0,5. */
#include "report.h"

#include <inttypes.h>

/* ---- Files ---- */

void write_csv(FILE *out, const options *o, const result *r)
{
    fprintf(out, "method,accuracy,revived,removed,ms_per_step,bytes,pattern_bytes\n");
    for (int k = 0; k < N_METHODS; k++)
        if (o->method[k])
            fprintf(out, "%s,%.6f,%" PRId64 ",%" PRId64 ",%.6f,%" PRId64 ",%" PRId64 "\n", methods[k].name,
                    r[k].accuracy, r[k].revived, r[k].removed, r[k].ms_per_step, r[k].bytes,
                    r[k].pattern_bytes);
}

static void write_settings(FILE *out, const options *o, const digits *d)
{
    fprintf(out,
            "    \"train_images\": %" PRId64 ",\n    \"test_images\": %" PRId64 ",\n    \"image\": [%" PRId64
            ", %" PRId64 "],\n    \"classes\": %" PRId32 ",\n    \"hidden\": [",
            d->train.n, d->test.n, d->height, d->width, d->classes);
    for (int l = 0; l < o->n_hidden; l++)
        fprintf(out, "%s%" PRId64, l > 0 ? ", " : "", o->hidden[l]);
    fprintf(out,
            "],\n    \"density\": %.9g,\n    \"epochs\": %" PRId64 ",\n    \"batch\": %" PRId64
            ",\n    \"optimizer\": \"%s\",\n    \"learning_rate\": %.9g,\n    \"schedule\": \"%s\",\n    "
            "\"seed\": %" PRIu64 ",\n    \"threads\": %d\n",
            o->density, o->epochs, o->batch, o->optimizer->name, o->learning_rate, o->schedule->name, o->seed,
            tl_num_threads());
}

void write_json(FILE *out, const options *o, const digits *d, const result *r)
{
    fprintf(out, "{\n  \"settings\": {\n");
    write_settings(out, o, d);
    fprintf(out, "  },\n  \"methods\": {");
    const char *between = "\n";
    for (int k = 0; k < N_METHODS; k++) {
        if (!o->method[k])
            continue;
        fprintf(out,
                "%s    \"%s\": {\"accuracy\": %.6f, \"revived\": %" PRId64 ", \"removed\": %" PRId64
                ", \"ms_per_step\": %.6f, \"bytes\": %" PRId64 ", \"pattern_bytes\": %" PRId64 "}",
                between, methods[k].name, r[k].accuracy, r[k].revived, r[k].removed, r[k].ms_per_step,
                r[k].bytes, r[k].pattern_bytes);
        between = ",\n";
    }
    fprintf(out, "\n  }\n}\n");
}

/* ---- The table ---- */

void print_head(const options *o, const digits *d)
{
    printf("%" PRId64 " images to train, %" PRId64 " to test; layers %" PRId64, d->train.n, d->test.n,
           d->height * d->width);
    for (int l = 0; l < o->n_hidden; l++)
        printf("-%" PRId64, o->hidden[l]);
    printf("-%" PRId32 "; %s, learning rate %g, %s\n", d->classes, o->optimizer->name, o->learning_rate,
           o->schedule->name);
    printf("epochs: %" PRId64 " dense, then %" PRId64 " with %g %% of the hidden weights kept\n", o->epochs,
           o->epochs, 100 * o->density);
    printf("revived: removed weights that are not zero at the end\n\n");
    printf("%-15s %9s  %19s  %8s  %15s  %8s\n", "method", "accuracy", "revived", "ms/step", "weights + state",
           "patterns");
    fflush(stdout);
}

void print_row(const method *m, const result *r)
{
    char revived[64] = "-";
    if (m->remove)
        snprintf(revived, sizeof revived, "%" PRId64 " of %" PRId64, r->revived, r->removed);
    printf("%-15s %7.2f %%  %19s  %8.3f  %9.1f KiB    %4.0f KiB\n", m->name, 100 * r->accuracy, revived,
           r->ms_per_step, (double)r->bytes / 1024, (double)r->pattern_bytes / 1024);
    fflush(stdout);
}
