/* A table of ratings: written, read whole and by batches, with users and films as ids; and the log of a
 * run. */
#include <stdio.h>
#include <string.h>
#include <tulle/tulle.h>

static tl_status write_ratings(void)
{
    const char *const users[] = { "ann", "bob" }, *const films[] = { "Alien", "Brazil", "Gattaca, \"1997\"" };
    int32_t user[] = { 0, 0, 1, 1 }, film[] = { 1, 0, 0, 2 };
    tl_real stars[] = { 4.5, 3, 5, 2 };
    tl_csv_column columns[] = {
        { .name = "user", .kind = TL_CSV_ID, .id = user, .n_ids = 2, .text = users },
        { .name = "film", .kind = TL_CSV_ID, .id = film, .n_ids = 3, .text = films },
        { .name = "stars", .kind = TL_CSV_NUMBER, .number = stars },
    };
    return tl_csv_write("ratings.csv", NULL, &(tl_csv){ .rows = 4, .n_columns = 3, .column = columns });
}

/* Both ids are rows of a table for tl_embedding_lookup, whatever the file has in their columns. */
static const tl_csv_choice ids[] = { { "user", TL_CSV_ID }, { "film", TL_CSV_ID } };

static tl_status read_ratings(void)
{
    tl_csv t;
    const tl_status status = tl_csv_read("ratings.csv", &(tl_csv_options){ .n_choices = 2, .choices = ids },
                                         &t);
    if (status != TL_OK)
        return status;
    const tl_csv_column *user = tl_csv_find(&t, "user"), *film = tl_csv_find(&t, "film"),
                        *stars = tl_csv_find(&t, "stars");
    for (int64_t k = 0; k < t.rows; k++)
        printf("%d %d %g: %s, %s\n", user->id[k], film->id[k], (double)stars->number[k],
               user->text[user->id[k]], film->text[film->id[k]]);
    tl_csv_free(&t);
    return TL_OK;
}

/* The same in batches of 3 rows; a film keeps its id from batch to batch. */
static tl_status read_batches(void)
{
    tl_csv_stream *s = tl_csv_open("ratings.csv", &(tl_csv_options){ .n_choices = 2, .choices = ids });
    tl_csv batch = { 0 };
    tl_status status;
    while ((status = tl_csv_next(s, 3, &batch)) == TL_OK && batch.rows > 0)
        printf("%d rows, %d films so far\n", (int)batch.rows, tl_csv_find(&batch, "film")->n_ids);
    tl_csv_free(&batch);
    tl_csv_close(s);
    return status;
}

static tl_status write_log(void)
{
    tl_log_file *log = tl_log_open("run.jsonl");
    for (int step = 1; step <= 100; step++) {
        tl_log_integer(log, "step", step);
        tl_log_number(log, "loss", 1.0 / step);
        tl_log_end(log);
    }
    return tl_log_close(log);
}

int main(void)
{
    const bool ok = write_ratings() == TL_OK && read_ratings() == TL_OK && read_batches() == TL_OK &&
                    write_log() == TL_OK;
    if (!ok)
        fprintf(stderr, "%s\n", tl_error());
    remove("ratings.csv");
    remove("run.jsonl");
    return ok ? 0 : 1;
}
