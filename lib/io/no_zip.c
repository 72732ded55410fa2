/* In place of zip archives, where the library is built without minizip. */
#include "lib/io/zip.h"

tl_status tl_zip_open(tl_zip *z, const char *who, const char *path)
{
    *z = (tl_zip){ .who = who, .path = path };
    return tl_fail(TL_ERR_ARGUMENT, "%s: %.300s: tulle was built without minizip", who, path);
}

int32_t tl_zip_find(const tl_zip *z, const char *name)
{
    (void)z;
    (void)name;
    return -1;
}

tl_status tl_zip_open_entry(tl_zip *z, int32_t k, tl_source *s)
{
    (void)k;
    (void)s;
    return tl_zip_open(z, z->who, z->path);
}

tl_status tl_zip_close_entry(tl_zip *z, const tl_source *s, tl_status status)
{
    (void)z;
    (void)s;
    return status;
}

void tl_zip_close(tl_zip *z)
{
    (void)z;
}

tl_status tl_zip_create(tl_zip_writer *w, const char *who, const char *path)
{
    *w = (tl_zip_writer){ .status = TL_ERR_ARGUMENT };
    return tl_fail(TL_ERR_ARGUMENT, "%s: %.300s: tulle was built without minizip", who, path);
}

tl_status tl_zip_begin(tl_zip_writer *w, const char *name, int64_t size, bool deflated)
{
    (void)name;
    (void)size;
    (void)deflated;
    return w->status;
}

tl_status tl_zip_write(tl_zip_writer *w, const void *from, int64_t n)
{
    (void)from;
    (void)n;
    return w->status;
}

tl_status tl_zip_end(tl_zip_writer *w)
{
    return w->status;
}

tl_status tl_zip_commit(tl_zip_writer *w, tl_status status)
{
    return status == TL_OK ? w->status : status;
}
