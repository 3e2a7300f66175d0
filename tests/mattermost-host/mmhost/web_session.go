package main

// Who a request is from, as a server decides it: bearer token or the cookies of a browser.

import (
	"net/http"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
	"github.com/mattermost/mattermost/server/public/plugin"
)

// credential is the token of a request and whether it came as a cookie; accessToken allows it in the query.
func credential(r *http.Request, accessToken bool) (token string, cookie bool) {
	scheme, value, _ := strings.Cut(r.Header.Get(model.HeaderAuth), " ")
	if strings.EqualFold(scheme, model.HeaderBearer) || strings.EqualFold(scheme, model.HeaderToken) {
		return strings.TrimSpace(value), false
	}
	if c, err := r.Cookie(model.SessionCookieToken); err == nil {
		return c.Value, true
	}
	if accessToken {
		return r.URL.Query().Get("access_token"), false
	}
	return "", false
}

// signedIn is the session of a request; one that changes something by a cookie has to carry the CSRF token.
func (f *front) signedIn(r *http.Request, accessToken bool) *model.Session {
	token, cookie := credential(r, accessToken)
	f.mu.Lock()
	s := f.tok[token]
	f.mu.Unlock()
	if s == nil || !cookie || r.Method == http.MethodGet {
		return s
	}
	if r.Header.Get(model.HeaderCsrfToken) == s.GetCSRF() || r.Header.Get(model.HeaderRequestedWith) == model.HeaderRequestedWithXML {
		return s
	}
	return nil
}

// setCookies gives a browser what it needs from then on.
func setCookies(rw http.ResponseWriter, s *model.Session) {
	http.SetCookie(rw, &http.Cookie{Name: model.SessionCookieToken, Value: s.Token, Path: "/", HttpOnly: true})
	http.SetCookie(rw, &http.Cookie{Name: model.SessionCookieUser, Value: s.UserId, Path: "/"})
	http.SetCookie(rw, &http.Cookie{Name: model.SessionCookieCsrf, Value: s.GetCSRF(), Path: "/"})
}

// pluginRequest passes a request on to a plugin with the headers that a server leaves and adds.
func (f *front) pluginRequest(env *plugin.Environment) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		h, err := env.HooksForPlugin(id)
		if err != nil {
			http.NotFound(rw, r)
			return
		}
		c := &plugin.Context{RequestId: model.NewId(), IPAddress: "127.0.0.1", AcceptLanguage: r.Header.Get("Accept-Language"), UserAgent: r.UserAgent()}
		s := f.signedIn(r, true)
		cookies := r.Cookies()
		for _, name := range []string{"Mattermost-User-Id", "Mattermost-Plugin-ID", "Cookie", "Referer", model.HeaderAuth} {
			r.Header.Del(name)
		}
		for _, one := range cookies {
			if one.Name != model.SessionCookieToken {
				r.AddCookie(one)
			}
		}
		if s != nil {
			c.SessionId = s.Id
			r.Header.Set("Mattermost-User-Id", s.UserId)
		}
		query := r.URL.Query()
		query.Del("access_token")
		r.URL.RawQuery = query.Encode()
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/plugins/"+id)
		h.ServeHTTP(c, rw, r)
	}
}
