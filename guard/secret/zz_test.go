package secret
import ("testing";"fmt";"math/rand/v2";"sort")
func TestDist(t *testing.T){
 r:=rand.New(rand.NewPCG(1,2))
 gen:=func(al string,n int)string{b:=make([]byte,n);for i:=range b{b[i]=al[r.IntN(len(al))]};return string(b)}
 A:="ABCDEFGHIJKLMNOPQRSTUVWXYZ";a:="abcdefghijklmnopqrstuvwxyz";D:="0123456789"
 for _,c:=range []struct{n string;al string}{{"b62",A+a+D},{"upD",A+D},{"lowD",a+D},{"hex",D+"abcdef"},{"let",A+a}}{
 for _,n:=range []int{16,20,24,32,40}{ var x []float64; for range 4000 {x=append(x,rarity(gen(c.al,n)))}; sort.Float64s(x); fmt.Printf("%s %d 1%%=%.2f 5%%=%.2f 50%%=%.2f\n",c.n,n,x[40],x[200],x[2000])}}
 for _,w:=range []string{"decodeKeyByBitmapUint8","jwtTestEC256PublicKey","HELLOWORLD_V3_CLIENT_DIR","EchoServiceEcho2OK","MarshalPKCS1PublicKey","EC-Schnorr-DCRv0","TestHMACSHA256Base64Encoding","X509v3SubjectKeyIdentifier"}{fmt.Println(w,rarity(w))}
}
