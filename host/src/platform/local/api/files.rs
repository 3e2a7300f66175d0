//! Uploads, downloads and profile pictures.

use std::sync::Arc;

use axum::extract::{FromRequest, Multipart, Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use super::super::access::{self, Action};
use super::super::auth::Auth;
use super::super::error::{ApiError, ApiResult};
use super::super::model::FileInfo;
use super::super::store::files::Content;
use super::super::store::{files, users};
use super::super::{Local, limits};
use super::{Json, answer, id, ok, own_id, reply, user_id};

/// Types that a browser may show on its own; all others are downloads.
pub(in super::super) const INLINE: &[&str] = &[
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "video/mp4",
    "video/webm",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "audio/webm",
    "text/vtt",
];

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "api.file.upload_file.too_large_detailed.app_error",
        "The file is too large.",
    )
}

async fn multipart(request: Request, max: usize) -> ApiResult<Multipart> {
    let (parts, body) = request.into_parts();
    let body = axum::body::Body::new(http_body_util::Limited::new(body, max));
    let mut request = Request::from_parts(parts, body);
    // The framework's own limit is lower than a file may be.
    axum::extract::DefaultBodyLimit::disable().apply(&mut request);
    Multipart::from_request(request, &())
        .await
        .map_err(|_| ApiError::body("multipart"))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct UploadQuery {
    channel_id: String,
}

/// Multipart: `channel_id` first (or in the query), then `files` and `client_ids`.
pub(super) async fn upload(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Query(query): Query<UploadQuery>,
    request: Request,
) -> ApiResult<(StatusCode, Json)> {
    let max = limits::FILE_BYTES_MAX * 2 + limits::BODY_BYTES_MAX;
    let mut form = multipart(request, max).await?;
    let mut channel_id = query.channel_id;
    let (mut infos, mut client_ids) = (Vec::new(), Vec::new());
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|_| ApiError::body("multipart"))?
    {
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().unwrap_or_default().to_owned();
        let kind = field.content_type().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(|_| too_large())?;
        match name.as_str() {
            "channel_id" => channel_id = String::from_utf8_lossy(&bytes).into_owned(),
            "client_ids" => client_ids.push(String::from_utf8_lossy(&bytes).into_owned()),
            "files" => {
                if bytes.len() > limits::FILE_BYTES_MAX {
                    return Err(too_large());
                }
                if infos.len() >= limits::FILES_PER_POST_MAX {
                    return Err(ApiError::body("files"));
                }
                let kind = if INLINE.contains(&kind.as_str()) {
                    kind
                } else {
                    "application/octet-stream".to_owned()
                };
                let (channel, user) = (channel_id.clone(), auth.user.clone());
                let info = local
                    .db
                    .run(move |tx| {
                        access::channel(tx, &user, &channel, Action::Post)?;
                        files::insert(tx, &user.id, &channel, &file_name, &kind, &bytes)
                    })
                    .await?;
                infos.push(info);
            }
            _ => {}
        }
    }
    if infos.is_empty() {
        return Err(ApiError::body("files"));
    }
    let answer = json!({"file_infos": infos, "client_ids": client_ids});
    Ok((StatusCode::CREATED, reply(answer)))
}

pub(super) async fn info(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(file): Path<String>,
) -> ApiResult<Json> {
    id(&file, "file_id")?;
    answer(&local, move |tx| {
        let info = files::info(tx, &file)?;
        access::channel(tx, &auth.user, &info.channel_id, Action::Read)?;
        Ok(info)
    })
    .await
}

pub(super) async fn download(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(file): Path<String>,
    request: Request,
) -> ApiResult<Response> {
    id(&file, "file_id")?;
    let (info, content) = local
        .db
        .run(move |tx| {
            let info = files::info(tx, &file)?;
            access::channel(tx, &auth.user, &info.channel_id, Action::Read)?;
            Ok((info, files::content(tx, &file)?))
        })
        .await?;
    let mut response = match content {
        Content::Bytes(bytes) => bytes.into_response(),
        Content::OnDisk => from_disk(&local, &info, request).await?,
    };
    let headers = response.headers_mut();
    let inline = INLINE.contains(&info.mime_type.as_str());
    let kind = if inline {
        info.mime_type.as_str()
    } else {
        "application/octet-stream"
    };
    let plain: String = info
        .name
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let how = if inline { "inline" } else { "attachment" };
    let disposition = format!("{how}; filename=\"{plain}\"");
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CONTENT_DISPOSITION, &disposition),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (CACHE_CONTROL, "private, max-age=86400"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// Piece by piece, and only the ranges that were asked for.
async fn from_disk(local: &Local, info: &FileInfo, request: Request) -> ApiResult<Response> {
    let path = local.file_path(&info.id).ok_or_else(files::missing)?;
    let Ok(response) = ServeFile::new(path).oneshot(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        // Known to the database, but gone from the disk.
        tracing::error!(file = info.id, "a file's bytes are missing");
        return Err(files::missing());
    }
    Ok(response.map(axum::body::Body::new))
}

/// The picture, or one drawn from the name.
pub(super) async fn picture(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
) -> ApiResult<Response> {
    let id = user_id(&user, &auth.user)?;
    let (user, image) = local
        .db
        .run(move |tx| Ok((users::get(tx, &id)?, users::image(tx, &id)?)))
        .await?;
    let mut response = match image {
        Some(bytes) => {
            let kind = image_type(&bytes).unwrap_or("application/octet-stream");
            ([(CONTENT_TYPE, kind)], bytes).into_response()
        }
        None => (
            [(CONTENT_TYPE, "image/svg+xml")],
            drawn(&user.id, &user.display_name()),
        )
            .into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    );
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=300"),
    );
    Ok(response)
}

/// The first letter on a colour of one's own.
fn drawn(id: &str, name: &str) -> String {
    let letter = name.chars().find(|c| c.is_alphanumeric()).unwrap_or('?');
    let letter: String = letter.to_uppercase().collect();
    let hue = super::super::ids::fnv1a_64(id.as_bytes()) % 360;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 128 128\" width=\"128\" \
         height=\"128\"><rect width=\"128\" height=\"128\" fill=\"hsl({hue} 45% 38%)\"/>\
         <text x=\"64\" y=\"64\" dy=\".36em\" text-anchor=\"middle\" font-family=\"sans-serif\" \
         font-size=\"64\" fill=\"#fff\">{letter}</text></svg>"
    )
}

/// By the first bytes: what the sender says does not count.
fn image_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        _ => None,
    }
}

pub(super) async fn set_picture(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
    request: Request,
) -> ApiResult<Json> {
    let id = own_id(&user, &auth.user)?;
    let mut form = multipart(request, limits::IMAGE_BYTES_MAX + 16 * 1024).await?;
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|_| ApiError::body("image"))?
    {
        if field.name() != Some("image") {
            continue;
        }
        let bytes = field.bytes().await.map_err(|_| too_large())?;
        if bytes.len() > limits::IMAGE_BYTES_MAX {
            return Err(too_large());
        }
        if image_type(&bytes).is_none() {
            return Err(ApiError::bad(
                "api.user.upload_profile_user.decode_config.app_error",
                "Only PNG, JPEG, GIF and WebP pictures can be used.",
            ));
        }
        local
            .db
            .run(move |tx| users::set_image(tx, &id, &bytes))
            .await?;
        return Ok(ok());
    }
    Err(ApiError::body("image"))
}
